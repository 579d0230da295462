import { describe, expect, it } from 'vitest';

import { addSegment, neighboursOf, newTimeline } from '../../control/timeline.ts';
import { segmentOf } from '../support/desk.ts';

const run = { channelId: 'ch_one', runId: 'run_one' };

describe('the neighbours of a segment', () => {
  it('are those directly before and behind it that are there and can be looked at', () => {
    const timeline = newTimeline({ ...run, sport: 'soccer' });
    for (const seq of [0, 1, 2, 3, 5]) addSegment(timeline, segmentOf(run, seq));
    const seqsBeside = (seq: number): number[] =>
      neighboursOf(timeline, segmentOf(run, seq)).map((record) => record.seq);
    expect(seqsBeside(1)).toEqual([0, 2]);
    expect(seqsBeside(0)).toEqual([1]);
    expect(seqsBeside(3)).toEqual([2]);
    expect(seqsBeside(5)).toEqual([]);
    Object.assign(timeline.segments[2] ?? {}, { coarse: { kind: 'dead', reason: 'corrupt' } });
    expect(seqsBeside(1)).toEqual([0]);
  });
});
