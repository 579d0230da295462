import { describe, expect, it } from 'vitest';

import {
  nameFloor,
  pipelineFolder,
  readSegmentKey,
  readSegmentName,
  runFolder,
} from '../../../ingest/medialive/watch-key.ts';

const run = { channelId: 'ch_1', runId: 'run_1' };
const name = 'v_20260301T120004_00042.ts';

describe('the key of a segment', () => {
  it('says channel, run, pipeline, second and counter', () => {
    const key = `${pipelineFolder(runFolder('in/live', run), 1)}${name}`;
    expect(key).toBe(`in/live/medialive/ch_1/run_1/p1/${name}`);
    expect(readSegmentKey('in/live', key)).toEqual({
      ...run,
      pipeline: 1,
      name,
      stampMs: Date.UTC(2026, 2, 1, 12, 0, 4),
      counter: 42,
    });
  });

  it('may lie at the top of the bucket', () => {
    expect(readSegmentKey('', `medialive/ch_1/run_1/p0/${name}`)?.pipeline).toBe(0);
  });

  it.each([
    ['of another prefix', `other/medialive/ch_1/run_1/p0/${name}`],
    ['of a prefix that only begins alike', `in2/medialive/ch_1/run_1/p0/${name}`],
    ['of a third pipeline', `in/medialive/ch_1/run_1/p2/${name}`],
    ['of a deeper folder', `in/medialive/ch_1/run_1/p0/x/${name}`],
    ['that climbs', `in/medialive/ch_1/../p0/${name}`],
    ['of the playlist', 'in/medialive/ch_1/run_1/p0/v.m3u8'],
    ['with four digits', 'in/medialive/ch_1/run_1/p0/v_20260301T120004_0042.ts'],
    ['with a date that does not exist', 'in/medialive/ch_1/run_1/p0/v_20260231T120004_00042.ts'],
    ['with an hour that does not exist', 'in/medialive/ch_1/run_1/p0/v_20260301T250004_00042.ts'],
    ['that only ends like one', 'in/medialive/ch_1/run_1/p0/x\nv_20260301T120004_00042.ts'],
  ])('%s is none of ours', (_, key) => {
    expect(readSegmentKey('in', key)).toBeUndefined();
  });

  it('of 100,000 and more segments has six digits', () => {
    expect(readSegmentName('v_20260301T120004_100000.ts')?.counter).toBe(100_000);
  });

  it('has a floor that sorts between one second and the next', () => {
    const stampMs = Date.UTC(2026, 2, 1, 12, 0, 4);
    for (const within of [0, 1, 999]) {
      expect(nameFloor(stampMs + within) < name).toBe(true);
      expect(nameFloor(stampMs + within) > 'v_20260301T120003_99999.ts').toBe(true);
    }
    expect(nameFloor(stampMs + 1000) > name).toBe(true);
  });
});
