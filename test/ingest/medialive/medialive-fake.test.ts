import { describe, expect, it } from 'vitest';

import { readTransportStream } from '../../../core/mpegts.ts';
import { readPlaylist } from '../../../ingest/medialive/playlist.ts';
import { readSegmentKey } from '../../../ingest/medialive/watch-key.ts';
import { FakeHls, makeHlsMedia, shiftTimestamps } from '../../support/medialive-fake-hls.ts';

const startedAtMs = Date.UTC(2026, 0, 2, 3, 4, 5);

async function playedHls(change: (hls: FakeHls) => void) {
  const objects = new Map<string, Uint8Array>();
  const hls = new FakeHls(
    {
      channelId: '1',
      urls: [0, 1].map((pipeline) => `s3ssl://media/pre/medialive/ch_a/run_b/p${pipeline}/v`),
      startedAtMs,
      segmentMs: 2000,
      segmentModifier: '_$dt$_',
    },
    {
      media: await media,
      putObject: async ({ key, bytes }) => {
        objects.set(key, bytes);
      },
    },
  );
  change(hls);
  await hls.flushed();
  return objects;
}
const media = makeHlsMedia({ segmentMs: 2000, count: 3 });

describe('the HLS of the fake', () => {
  it('is real media in both pipelines, listed with dates, that goes on when the footage begins again', async () => {
    const objects = await playedHls((hls) => hls.writeDue(startedAtMs + 8000));
    const keys = [...objects.keys()].filter((key) => key.includes('/p1/') && key.endsWith('.ts'));
    expect(keys).toHaveLength(4);
    expect(keys[3]).toBe('pre/medialive/ch_a/run_b/p1/v_20260102T030411_00004.ts');
    expect(readSegmentKey('pre', keys[3] ?? '')).toMatchObject({ runId: 'run_b', pipeline: 1, counter: 4 });
    const first = keys.map((key) => {
      const { video, problems } = readTransportStream(objects.get(key) ?? new Uint8Array(0));
      expect(problems).toEqual([]);
      expect(video.filter(({ isKeyframe }) => isKeyframe)).toHaveLength(2);
      return Math.min(...video.map(({ pts90k }) => pts90k));
    });
    expect(first.map((pts) => pts - (first[0] ?? 0))).toEqual([0, 180_000, 360_000, 540_000]);
    const list = readPlaylist(objects.get('pre/medialive/ch_a/run_b/p0/v.m3u8') ?? new Uint8Array(0));
    expect([...list.entries.values()].map(({ wallMs }) => (wallMs ?? 0) - startedAtMs)).toEqual([
      0, 2000, 4000, 6000,
    ]);
  });

  it('pauses without input, and marks where it goes on', async () => {
    const objects = await playedHls((hls) => {
      hls.pause(true, startedAtMs + 2000);
      hls.pause(false, startedAtMs + 6000);
      hls.end(startedAtMs + 8000);
    });
    const list = readPlaylist(objects.get('pre/medialive/ch_a/run_b/p0/v.m3u8') ?? new Uint8Array(0));
    const entries = [...list.entries.values()];
    expect(
      entries.map(({ wallMs, isDiscontinuity }) => [(wallMs ?? 0) - startedAtMs, isDiscontinuity]),
    ).toEqual([
      [0, false],
      [6000, true],
    ]);
  });

  it('moves timestamps across the wrap of 33 bits', async () => {
    const [first] = await media;
    if (!first) throw new Error('no media');
    const near = 2 ** 33 - 90_000;
    const [before, after] = [first, shiftTimestamps(first, near)].map((bytes) =>
      readTransportStream(bytes, bytes === first ? 0 : near).video.map(({ pts90k }) => pts90k),
    );
    expect(after?.map((pts) => pts - near)).toEqual(before);
  });
});
