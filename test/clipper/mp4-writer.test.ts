import { execFileSync } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clipFolderOnDisk, type CutOnDisk } from '../support/clips.ts';
import { makeSegments } from '../support/segments.ts';

const clips = clipFolderOnDisk();
afterAll(() => clips.remove());

describe('an MP4 of ours', () => {
  let done: CutOnDisk;
  beforeAll(async () => {
    const segments = makeSegments({
      fps: '30000/1001',
      seconds: 5,
      gopFrames: 60,
      sound: { startsAtSeconds: 0 },
    });
    done = await clips.cut(segments, { inSeconds: 1, outSeconds: 4.5 });
    expect(done.sidecar.made).toBe('smart');
  });

  it('can be played while it is loading: the index comes before the media', () => {
    const names = topBoxes(done.bodyOf('wide')).map(({ type }) => type);
    expect(names).toEqual(['ftyp', 'moov', 'mdat']);
  });

  it('hides sound that is only needed to decode, and no picture', () => {
    const tracks = find(done.bodyOf('wide'), ['moov', 'trak']);
    const [video, sound] = tracks.map((trak) => find(trak, ['edts', 'elst']));
    expect(video).toEqual([]);
    expect(sound).toHaveLength(1);
    const view = new DataView(sound?.[0]?.slice().buffer ?? new ArrayBuffer(0));
    // One entry: 3.5 s on screen, from a sample within the first two frames.
    expect(view.getUint32(4)).toBe(1);
    expect(view.getUint32(12)).toBeGreaterThanOrEqual(1024);
    expect(view.getUint32(12)).toBeLessThan(2048);
  });

  it('has even times, so that editors take it for constant frame rate', () => {
    const probe = JSON.parse(
      execFileSync(
        'ffprobe',
        ['-v', 'error', '-show_streams', '-select_streams', 'v', '-of', 'json', done.pathOf('wide')],
        { encoding: 'utf8' },
      ),
    ) as { streams: Record<string, unknown>[] };
    expect(probe.streams[0]).toMatchObject({
      codec_tag_string: 'avc1',
      r_frame_rate: '30000/1001',
      avg_frame_rate: '30000/1001',
      start_pts: 0,
      nb_frames: String(done.sidecar.frameCount),
    });
  });

  it('has both parameter sets, each with its own id', () => {
    const [stsd] = find(done.bodyOf('wide'), ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd']);
    const text = Buffer.from(stsd ?? new Uint8Array());
    const avcC = text.subarray(text.indexOf('avcC') + 4);
    expect((avcC[5] ?? 0) & 31).toBe(2);
  });
});

interface Box {
  type: string;
  body: Uint8Array;
}

function topBoxes(bytes: Uint8Array): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0);
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1');
    boxes.push({ type, body: bytes.subarray(at + 8, at + length) });
    at += Math.max(8, length);
  }
  return boxes;
}

/** Bodies of all boxes at a path. */
function find(bytes: Uint8Array, path: readonly string[]): Uint8Array[] {
  const [name, ...rest] = path;
  const bodies = topBoxes(bytes)
    .filter(({ type }) => type === name)
    .map(({ body }) => body);
  return rest.length === 0 ? bodies : bodies.flatMap((body) => find(body, rest));
}
