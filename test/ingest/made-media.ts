import { execFileSync } from 'node:child_process';

import type { MediaPacket } from '../../ingest/media-packet.ts';
import { TsPackets } from '../../ingest/ts-packets.ts';

/** 640x360, baseline: written by x264. */
export const avcc640 = hex(
  '0142c01effe100196742c01eda0280bfe5c044000003000400000300c83c58ba8001000468ce0fc8',
);
/** 426x240, high profile, with cropping. */
export const avcc426 = hex(
  '01640015ffe1001a67640015acd941b1fe4f011000000300100000030320f162d96001000668eae3cb22c0fdf8f800',
);
/** 1920x1080 interlaced: fields, and cropping counted in field rows. */
export const avcc1080i = hex(
  '01640028ffe1001a67640028acd94078044fde0220000003002000000643e2c5b2c001000668faa3cb22c0fdf8f800',
);
/** AAC LC, 48 kHz, stereo. */
export const asc48k = hex('1190');
export const asc44k = hex('1210');

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** A picture that a parser accepts and no decoder shows: one slice whose bytes are `mark`. */
export function picture(times: {
  dts90k: number;
  pts90k?: number;
  isKeyframe?: boolean;
  bytes?: number;
  mark?: number;
}): Extract<MediaPacket, { kind: 'video' }> {
  const { dts90k, pts90k = dts90k, isKeyframe = false, bytes = 32, mark = 0 } = times;
  const data = new Uint8Array(4 + bytes).fill(1 + (mark % 200), 5);
  new DataView(data.buffer).setUint32(0, bytes);
  data[4] = isKeyframe ? 0x65 : 0x41;
  return { kind: 'video', dts90k, pts90k, isKeyframe, data };
}

export function sound(pts90k: number, bytes = 16): Extract<MediaPacket, { kind: 'audio' }> {
  return { kind: 'audio', pts90k, data: new Uint8Array(bytes).fill(7) };
}

/** `seconds` of 25 fps with 48 kHz sound in the order in which an encoder sends it, configurations first. */
export function feed(options: {
  seconds: number;
  from90k?: number;
  keyframeEveryS?: number;
  hasSound?: boolean;
  hasBFrames?: boolean;
  pictureBytes?: number;
}): MediaPacket[] {
  const { seconds, from90k = 0, keyframeEveryS = 2, hasSound = true, hasBFrames = false } = options;
  const frame90k = 3600;
  const count = Math.round(seconds * 25);
  const gop = Math.max(1, Math.round(keyframeEveryS * 25));
  const media: MediaPacket[] = [];
  for (let index = 0; index < count; index += 1) {
    const inGop = index % gop;
    // I P B B P B B ...: each P is decoded before the two that are shown before it.
    const isLone =
      inGop === 0 || Math.floor((inGop - 1) / 3) * 3 + 3 >= Math.min(gop, count - (index - inGop));
    const shift = !hasBFrames || isLone ? 0 : (inGop - 1) % 3 === 0 ? 2 : -1;
    const delay90k = hasBFrames ? frame90k : 0;
    media.push(
      picture({
        dts90k: from90k + index * frame90k - delay90k,
        pts90k: from90k + (index + shift) * frame90k,
        isKeyframe: inGop === 0,
        mark: index,
        ...(options.pictureBytes === undefined ? {} : { bytes: options.pictureBytes }),
      }),
    );
  }
  if (hasSound) for (let at = 0; at < seconds * 90_000; at += 1920) media.push(sound(from90k + at));
  media.sort((one, other) => timeOf(one) - timeOf(other));
  return [
    { kind: 'video-config', avcc: avcc640 },
    ...(hasSound ? [{ kind: 'audio-config' as const, asc: asc48k }] : []),
    ...media,
  ];
}

function timeOf(packet: MediaPacket): number {
  return packet.kind === 'video' ? packet.dts90k : packet.kind === 'audio' ? packet.pts90k : -Infinity;
}

/** Real media from ffmpeg, taken apart: `args`, parted by spaces, make one H.264 and at most one AAC stream. */
export function encoded(args: string): MediaPacket[] {
  const bytes = execFileSync(
    'ffmpeg',
    ['-v', 'error', ...args.split(' '), '-muxdelay', '0', '-muxpreload', '0', '-f', 'mpegts', 'pipe:1'],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const demuxer = new TsPackets();
  return [...demuxer.push(bytes), ...demuxer.end().packets];
}

/** Decodes everything; returns what ffmpeg complained about and how many pictures came out. */
export function decode(bytes: Uint8Array): { complaints: string; pictureCount: number } {
  const out = execFileSync(
    'sh',
    ['-c', 'ffmpeg -v warning -f mpegts -i pipe:0 -map 0:v:0 -f framecrc pipe:1 -map 0:a? -f null - 2>&1'],
    { input: bytes, maxBuffer: 64 * 1024 * 1024 },
  ).toString();
  const lines = out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return {
    pictureCount: lines.filter((line) => line.startsWith('0,')).length,
    complaints: lines.filter((line) => !line.startsWith('0,')).join('\n'),
  };
}
