import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { segmentRecord } from '../../../core/segment.ts';
import { readSegmentContent } from '../../../ingest/medialive/segment-content.ts';
import { WatchNumbering } from '../../../ingest/medialive/watch-numbering.ts';
import type { FoundSegment } from '../../../ingest/medialive/watch-order.ts';
import { shiftTimestamps } from '../../support/medialive-fake-hls.ts';
import { makeHls } from './made-hls.ts';

const [first, second] = (await makeHls({ count: 2 })).map(({ bytes }) => bytes);
const limits = { segmentMs: 2000, pipelineCount: 1 as const };

function found(nth: number): FoundSegment {
  const name = `v_2026030112000${nth * 2}_0000${nth + 1}.ts`;
  const stampMs = Date.UTC(2026, 2, 1, 12, 0, nth * 2);
  return { key: `p0/${name}`, name, pipeline: 0, stampMs, counter: nth + 1, bytes: 1, seenMs: 0 };
}

describe('the content of a segment', () => {
  it('of sound alone is as long as its sound', () => {
    const bytes = Uint8Array.from(first ?? []);
    // In every table the stream type of the pictures becomes one that nobody knows.
    for (let at = 0; at + 2 < bytes.length; at += 1) {
      if (bytes[at] === 0x1b && bytes[at + 1] === 0xe1 && bytes[at + 2] === 0) bytes[at] = 0x99;
    }
    const content = readSegmentContent(bytes, 0);
    expect(content.video).toBeNull();
    expect(content.audio).toMatchObject({ sampleRateHz: 48_000, channelCount: 1 });
    expect(Math.abs(content.duration90k - 180_000)).toBeLessThan(10_000);
  });

  it('whose times span hours is none: a wild time moves no run', () => {
    const joined = new Uint8Array([
      ...(first ?? []),
      ...shiftTimestamps(second ?? new Uint8Array(), 61 * 90_000),
    ]);
    expect(readSegmentContent(joined, 0)).toMatchObject({
      video: null,
      audio: null,
      duration90k: 0,
      problems: expect.arrayContaining([expect.stringMatching(/^its times span 6\d s$/)]),
    });
  });

  it('that was damaged in any way still makes a record that everybody can read', () => {
    const damage = fc.array(fc.tuple(fc.nat((first?.length ?? 1) - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(damage, fc.nat(first?.length ?? 0), (changes, length) => {
        const bytes = (first ?? new Uint8Array()).slice(0, length);
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        const numbering = new WatchNumbering({ channelId: 'ch_1', runId: 'run_1' }, limits);
        const object = { bytes: Math.max(1, length), sha256: '0'.repeat(64) };
        for (const [nth, one] of [bytes, second ?? bytes, bytes].entries()) {
          const content = readSegmentContent(one, numbering.nearPts90k);
          const { record } = numbering.number(found(nth), content, object);
          segmentRecord.parse(record);
          expect(record.duration90k).toBeLessThanOrEqual(60 * 90_000);
        }
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
