import type { AnalyseJob, ResultJob } from '../../core/jobs.ts';

/** Far enough ahead that all deadlines of a test are positive and distinct. */
export const baseMs = Date.now() + 60_000;

export function makeJob(id: string, fields: Partial<ResultJob> = {}, message = 'it broke'): ResultJob {
  return {
    kind: 'result',
    id,
    channelId: 'ch_1',
    runId: 'run_1',
    deadlineAtMs: baseMs + 3_600_000,
    queuedAtMs: Date.now(),
    result: {
      of: 'analyse',
      jobId: 'job_1',
      attempt: 1,
      instanceId: 'ins_1',
      workerId: 'wrk_1',
      startedAtMs: 1,
      finishedAtMs: 2,
      pass: 'coarse',
      segmentId: 'seg_1',
      outcome: { kind: 'dead', fault: { code: 'segment.corrupt', message } },
    },
    ...fields,
  };
}

export function makeAnalysis(id: string, fields: Partial<AnalyseJob> = {}): AnalyseJob {
  return {
    kind: 'analyse',
    id,
    channelId: 'ch_1',
    runId: 'run_1',
    deadlineAtMs: baseMs,
    queuedAtMs: Date.now(),
    pass: 'coarse',
    sport: 'soccer',
    segment: {
      id: 'seg_1_000000',
      channelId: 'ch_1',
      runId: 'run_1',
      sessionId: 'ses_1',
      epoch: 0,
      seq: 0,
      key: 'segments/ch_1/run_1/000000.ts',
      bytes: 188,
      sha256: '0'.repeat(64),
      container: 'mpegts',
      start90k: 0,
      duration90k: 360_000,
      filePtsOffset90k: 0,
      startWallMs: 0,
      gapBefore90k: 0,
      isDiscontinuity: true,
      startsWithKeyframe: true,
      isPartial: false,
      video: null,
      audio: null,
    },
    ...fields,
  };
}
