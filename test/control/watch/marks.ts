import type { SegmentMark } from '../../../control/watch/segment-marks.ts';

/** Four seconds of a run that began at 1,700,000,000 s, looked at and found empty. */
export function markOf(seq: number, more: Partial<SegmentMark> = {}): SegmentMark {
  return {
    id: `seg_one_${String(seq).padStart(6, '0')}`,
    runId: 'run_one',
    channelId: 'ch_one',
    seq,
    fromMs: seq * 4000,
    toMs: seq * 4000 + 4000,
    startWallMs: 1_700_000_000_000 + seq * 4000,
    gapBeforeMs: 0,
    isDiscontinuity: seq === 0,
    sessionId: 'ses_one',
    hasPicture: true,
    key: `segments/ch_one/run_one/${seq}.ts`,
    sha256: String(seq).padStart(64, '0'),
    bytes: 1000,
    frameRate: 25,
    state: 'no-clip',
    deadReason: null,
    isLookedAt: true,
    resultCount: 1,
    ...more,
  };
}
