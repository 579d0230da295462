export interface Waiting {
  channelId: string;
  deadlineAtMs: number;
}

/** As coarse as the priority of a job on the queue. */
const tickMs = 500;

/** What waits: the earliest deadline is taken first; of those due in the same tick, the channel that was served longest ago. */
export class WaitingLine<Job extends Waiting> {
  readonly #channels = new Map<string, { jobs: Job[]; servedAt: number }>();
  #served = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** What came back keeps its deadline, and so its place. */
  add(job: Job): void {
    const line = this.#channels.get(job.channelId) ?? { jobs: [], servedAt: 0 };
    this.#channels.set(job.channelId, line);
    let index = line.jobs.length;
    while (index > 0 && (line.jobs[index - 1]?.deadlineAtMs ?? 0) > job.deadlineAtMs) index -= 1;
    line.jobs.splice(index, 0, job);
    this.#count += 1;
  }

  take(): Job | undefined {
    let best: { jobs: Job[]; servedAt: number } | undefined;
    let bestTick = Infinity;
    for (const line of this.#channels.values()) {
      const head = line.jobs[0];
      if (!head) continue;
      const tick = Math.floor(head.deadlineAtMs / tickMs);
      if (tick < bestTick || (tick === bestTick && line.servedAt < (best?.servedAt ?? Infinity))) {
        best = line;
        bestTick = tick;
      }
    }
    if (!best) return undefined;
    best.servedAt = this.#served += 1;
    this.#count -= 1;
    return best.jobs.shift();
  }

  /** Of what waits; undefined when nothing does. */
  heads(): Job[] {
    return [...this.#channels.values()].flatMap(({ jobs }) => jobs.slice(0, 1));
  }
}
