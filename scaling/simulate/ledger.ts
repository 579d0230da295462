import type { Backlog, ChannelLoad, LoadView, WorkerView } from '../../core/load.ts';
import type { WorkModel } from './trace.ts';
import type { Job, SimulatedMachine, World } from './world.ts';

/** One more segment shifts what is believed of its channel by this much: as steady as the mean of the last five minutes. */
const estimateShare = 0.04;
const minuteMs = 60_000;
const serviceWindowCount = 200;

/**
 * What the ledger and the registry of workers would say of a world: nothing that a running house could not know. What a
 * segment costs is an estimate from those of its channel that are done.
 */
export class Ledger {
  readonly #model: WorkModel;
  readonly #world: () => World;
  readonly #estimates = new Map<string, number>();
  #estimateOfAny: number;
  readonly #lastServices: number[] = [];
  /** How many had come a minute ago. */
  #minuteAgoCount = 0;

  constructor(model: WorkModel, world: () => World) {
    this.#model = model;
    this.#world = world;
    this.#estimateOfAny = model.workSecondsMean;
  }

  add(job: Job, machine: SimulatedMachine): void {
    const { workSeconds, channelId } = job.segment;
    const before = this.#estimates.get(channelId) ?? this.#estimateOfAny;
    this.#estimates.set(channelId, before + estimateShare * (workSeconds - before));
    this.#estimateOfAny += (estimateShare / 10) * (workSeconds - this.#estimateOfAny);
    this.#lastServices.push(workSeconds / machine.pool.power);
    if (this.#lastServices.length > serviceWindowCount) this.#lastServices.shift();
  }

  read(): LoadView {
    const world = this.#world();
    return {
      measuredAtMs: world.nowMs,
      channels: this.#channels(world),
      backlog: this.#backlog(world),
      workers: workersOf(world),
    };
  }

  /** Those that are live, and those that the schedule will bring. */
  #channels({ options, nowMs }: World): ChannelLoad[] {
    return options.trace.broadcasts
      .filter(({ startMs, endMs, scheduled }) => (scheduled || startMs <= nowMs) && nowMs < endMs)
      .map(({ channelId, name, startMs, scheduled }) => ({
        channelId,
        name,
        isLive: startMs <= nowMs,
        ...(scheduled ? { startsAtMs: scheduled.startMs, endsAtMs: scheduled.endMs } : {}),
        workPerMediaSecond: this.#workOf(channelId) / this.#model.segmentSeconds,
      }));
  }

  #backlog(world: World): Backlog {
    const { line, nowMs, jobs } = world;
    const heads = line.heads();
    const meanWork = this.#estimateOfAny;
    const busy = [...world.present].filter(({ job }) => job);
    while ((jobs[this.#minuteAgoCount]?.segment.atMs ?? Infinity) <= nowMs - minuteMs)
      this.#minuteAgoCount += 1;
    const services = this.#lastServices;
    return {
      waitingCount: line.count,
      waitingWorkSeconds: line.count * meanWork,
      oldestWaitMs: Math.max(0, ...heads.map(({ segment }) => nowMs - segment.atMs)),
      inFlightCount: busy.length,
      inFlightWorkSeconds: busy.reduce(
        (sum, { jobStartedAtMs, pool }) =>
          sum + Math.max(0, meanWork - ((nowMs - jobStartedAtMs) / 1000) * pool.power),
        0,
      ),
      arrivedWorkPerSecond: ((world.arrivedCount - this.#minuteAgoCount) * meanWork) / (minuteMs / 1000),
      meanServiceSeconds:
        services.length === 0 ? 0 : services.reduce((sum, one) => sum + one, 0) / services.length,
    };
  }

  #workOf(channelId: string): number {
    return this.#estimates.get(channelId) ?? this.#estimateOfAny;
  }
}

/** A machine that boots has said nothing yet. */
function workersOf({ present, nowMs }: World): WorkerView[] {
  return [...present]
    .filter(({ life }) => life !== 'booting')
    .map(({ id, life, job, readyAtMs }) => ({
      workerId: `w-${id}`,
      instanceId: id,
      slots: { analyse: 1, cut: 0 },
      jobIds: job ? [job.channelId] : [],
      state: life === 'draining' || life === 'drained' ? life : 'working',
      startedAtMs: readyAtMs,
      lastBeatAtMs: nowMs,
      lastCompletedAtMs: undefined,
      completedCount: 0,
      throughput: 0,
      clockSkewMs: 0,
      isDeviceOk: true,
    }));
}
