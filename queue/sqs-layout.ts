import type { Job, JobKind } from '../core/jobs.ts';

/** The queues of one Touchline in an account and region. */
export interface SqsLayout {
  /** The bands of each kind, the urgent one first. */
  bands: Record<JobKind, readonly string[]>;
  /** Where the dead of all kinds go. */
  dead: string;
}

/** SQS orders by nothing. Two queues a kind let at least what is due at once pass what may wait. */
export function layoutOf(prefix: string): SqsLayout {
  return {
    bands: {
      analyse: [`${prefix}-analyse`, `${prefix}-analyse-later`],
      cut: [`${prefix}-cut`, `${prefix}-cut-later`],
      result: [`${prefix}-result`],
      beat: [`${prefix}-beat`],
    },
    dead: `${prefix}-dead`,
  };
}

export function queueNames({ bands, dead }: SqsLayout): string[] {
  return [...bands.analyse, ...bands.cut, ...bands.result, ...bands.beat, dead];
}

/**
 * What is due within this is urgent: the first look at a live segment (10 s), and the fast revision of a clip (3 s). Exact
 * revisions and second looks have more time. A job that was long on its way to the queue has become urgent.
 */
const urgentMsMax: Record<JobKind, number> = { analyse: 15_000, cut: 5_000, result: 0, beat: 0 };

/** Which of the bands of its kind takes a job that is put now. */
export function bandOf(job: Pick<Job, 'kind' | 'deadlineAtMs'>, layout: SqsLayout, nowMs: number): string {
  const [urgent = '', later] = layout.bands[job.kind];
  const isUrgent = job.deadlineAtMs - nowMs <= urgentMsMax[job.kind];
  return isUrgent ? urgent : (later ?? urgent);
}
