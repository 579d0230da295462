import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { startChild } from '../../core/process.ts';
import type { MediaPacket } from '../../ingest/media-packet.ts';

/** A coded picture or frame of sound: when, and what exactly. */
export interface PacketPrint {
  dtsMs: number;
  ptsMs: number;
  isKeyframe: boolean;
  sha256: string;
}

export interface Recording {
  path: string;
  video: PacketPrint[];
  audio: PacketPrint[];
}

/** An FLV of `seconds` with B-frames, a keyframe every half second and sound, and what ffprobe finds in it. */
export async function makeRecording(folder: string, seconds: number): Promise<Recording> {
  const path = join(folder, 'recording.flv');
  const picture = `testsrc2=s=320x180:r=25:d=${seconds}`;
  const x264 = '-c:v libx264 -preset veryfast -bf 2 -g 12 -pix_fmt yuv420p';
  const args = `-v error -f lavfi -i ${picture} -f lavfi -i sine=r=48000:d=${seconds} ${x264} -c:a aac -ac 2 -shortest`;
  await run('ffmpeg', [...args.split(' '), path]);
  const probe = async (stream: string): Promise<PacketPrint[]> => {
    const args = [
      '-v',
      'error',
      '-select_streams',
      stream,
      '-show_packets',
      '-show_data_hash',
      'sha256',
      '-of',
      'json',
      path,
    ];
    const { packets } = JSON.parse(await run('ffprobe', args)) as {
      packets: { pts_time: string; dts_time: string; flags: string; data_hash: string }[];
    };
    return packets.map((packet) => ({
      dtsMs: Math.round(Number(packet.dts_time) * 1000),
      ptsMs: Math.round(Number(packet.pts_time) * 1000),
      isKeyframe: packet.flags.includes('K'),
      sha256: packet.data_hash.replace('SHA256:', ''),
    }));
  };
  return { path, video: await probe('v'), audio: await probe('a') };
}

export function printsOf(packets: readonly MediaPacket[], kind: 'video' | 'audio'): PacketPrint[] {
  return packets.flatMap((packet): PacketPrint[] => {
    if (packet.kind !== kind) return [];
    const ptsMs = packet.pts90k / 90;
    const sha256 = createHash('sha256').update(packet.data).digest('hex');
    if (packet.kind === 'audio') return [{ dtsMs: ptsMs, ptsMs, isKeyframe: true, sha256 }];
    return [{ dtsMs: packet.dts90k / 90, ptsMs, isKeyframe: packet.isKeyframe, sha256 }];
  });
}

async function run(command: string, args: readonly string[]): Promise<string> {
  const child = await startChild({ command, args, wallMsMax: 60_000 });
  const stdout = Buffer.concat((await child.outputs[0]?.toArray()) ?? []).toString();
  const exit = await child.exit;
  if (exit.exitCode !== 0) throw new Error(`${command} failed: ${exit.stderrTail.join(' | ')}`);
  return stdout;
}
