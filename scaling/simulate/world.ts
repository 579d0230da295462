import type { Random } from '../../core/random.ts';
import type { Pool } from '../snapshot.ts';
import { EventQueue } from './event-queue.ts';
import type { Faults } from './faults.ts';
import { exponential, logNormal, seededRandom } from './seeded-random.ts';
import type { Segment, Trace } from './trace.ts';
import { WaitingLine } from './waiting-line.ts';

export interface WorldOptions {
  trace: Trace;
  segments: readonly Segment[];
  pools: readonly Pool[];
  /** Of one launch; half of them take longer. */
  bootSecondsMedian: number;
  /** No more machines than this, whoever asks: the quota of the account. */
  countMax: number;
  faults: Faults;
  seed: number;
  /** Which of several idle machines gets a segment. */
  dispatch: 'longest-idle' | 'latest-idle';
  /** A segment is meant to be done so long after it came: its place in the line. */
  deadlineSeconds: number;
}

/** How far boots are from their median: a few take half as long again, none is faster than `timesMin`. */
export const bootSpread = { sigma: 0.2, timesMin: 0.75, timesMax: 2 };

/** What a machine that dies had in hand waits for its lease to run out (10 s) and for the next look at stalled jobs (3 s). */
const redeliveryMs = 13_000;

export interface Job {
  segment: Segment;
  channelId: string;
  deadlineAtMs: number;
  /** Undefined until it is done. */
  doneAtMs: number | undefined;
}

/** `booting` -> `working` -> `draining` (by order or by notice; back to `working` when it is kept) -> `drained` -> `ended`. */
export type SimulatedLife = 'booting' | 'working' | 'draining' | 'drained' | 'ended';

export interface SimulatedMachine {
  id: string;
  pool: Pool;
  life: SimulatedLife;
  launchedAtMs: number;
  readyAtMs: number;
  drainOrderedAtMs: number | undefined;
  /** It was told that it will be taken away. */
  isDoomed: boolean;
  job: Job | undefined;
  jobStartedAtMs: number;
  /** Time with a segment in hand, up to the last one that it finished. */
  busyMs: number;
  idleSinceMs: number;
  endedAtMs: number | undefined;
}

/**
 * Segments, a line, and machines that boot, work and go, on a clock of its own. Nothing in it decides how many machines
 * there are. All that is drawn depends on the seed alone: the n-th launch boots as long, whoever launches it.
 */
export class World {
  readonly options: WorldOptions;
  readonly jobs: Job[];
  readonly line = new WaitingLine<Job>();
  readonly machines: SimulatedMachine[] = [];
  /** Those that have not ended. */
  readonly present = new Set<SimulatedMachine>();
  nowMs: number;
  arrivedCount = 0;
  doneCount = 0;
  killedInFlightCount = 0;
  readonly #events = new EventQueue();
  /** In the order in which they became idle. */
  readonly #idle = new Set<SimulatedMachine>();
  readonly #bootRandom: Random;
  readonly #spotRandom: Random;
  readonly #onDone: (job: Job, machine: SimulatedMachine) => void;

  constructor(options: WorldOptions, onDone: (job: Job, machine: SimulatedMachine) => void) {
    this.options = options;
    this.#onDone = onDone;
    this.nowMs = options.trace.startMs;
    this.#bootRandom = seededRandom(options.seed, 'boots');
    this.#spotRandom = seededRandom(options.seed, 'spot');
    this.jobs = options.segments.map((segment) => ({
      segment,
      channelId: segment.channelId,
      deadlineAtMs: segment.atMs + options.deadlineSeconds * 1000,
      doneAtMs: undefined,
    }));
  }

  /** Lets everything happen that is due until then. */
  runUntil(atMs: number): void {
    for (;;) {
      const nextArrival = this.jobs[this.arrivedCount];
      const arrivalAtMs = nextArrival?.segment.atMs ?? Infinity;
      if (Math.min(arrivalAtMs, this.#events.nextAtMs) > atMs) break;
      if (nextArrival && arrivalAtMs <= this.#events.nextAtMs) {
        this.nowMs = arrivalAtMs;
        this.arrivedCount += 1;
        this.#enqueue(nextArrival);
      } else {
        const event = this.#events.take();
        if (!event) break;
        this.nowMs = event.atMs;
        event.run();
      }
    }
    this.nowMs = atMs;
  }

  /** Of a pool, draining ones included: what an Auto Scaling Group calls its size. */
  countOf(pool: Pool): number {
    let count = 0;
    for (const machine of this.present) if (machine.pool.name === pool.name) count += 1;
    return count;
  }

  /** How many could be launched of those asked for: a pool may be short, and the account has a quota. */
  launch(pool: Pool, count: number): number {
    const shortage = this.options.faults.shortages?.find(
      (one) =>
        one.fromMs <= this.nowMs &&
        this.nowMs < one.toMs &&
        (one.pool ?? this.options.pools[0]?.name) === pool.name,
    );
    const room = Math.min(
      this.options.countMax - this.present.size,
      (shortage?.countMax ?? Infinity) - this.countOf(pool),
    );
    const launchedCount = Math.max(0, Math.min(count, room));
    for (let index = 0; index < launchedCount; index += 1) this.#launchOne(pool);
    return launchedCount;
  }

  /** It finishes what it has in hand and takes nothing new. */
  drain(machine: SimulatedMachine): void {
    machine.drainOrderedAtMs ??= this.nowMs;
    if (machine.life === 'working') this.#stopClaiming(machine);
  }

  /** Takes a drain back. False: it is too late. */
  keep(machine: SimulatedMachine): boolean {
    if (machine.isDoomed || machine.life === 'ended') return false;
    machine.drainOrderedAtMs = undefined;
    if (machine.life !== 'booting') {
      machine.life = 'working';
      if (!machine.job) this.#claim(machine);
    }
    return true;
  }

  /** Now, whatever it has in hand: that comes back to the line when its lease has run out. */
  end(machine: SimulatedMachine): void {
    if (machine.life === 'ended') return;
    const { job } = machine;
    machine.life = 'ended';
    machine.endedAtMs = this.nowMs;
    machine.job = undefined;
    this.present.delete(machine);
    this.#idle.delete(machine);
    if (!job) return;
    this.killedInFlightCount += 1;
    this.#events.at(this.nowMs + redeliveryMs, () => this.#enqueue(job));
  }

  #launchOne(pool: Pool): void {
    const { bootSecondsMedian, faults } = this.options;
    const bootMs = 1000 * logNormal(this.#bootRandom, { median: bootSecondsMedian, ...bootSpread });
    const machine: SimulatedMachine = {
      id: `i-${String(this.machines.length + 1).padStart(5, '0')}`,
      pool,
      life: 'booting',
      launchedAtMs: this.nowMs,
      readyAtMs: this.nowMs + bootMs,
      drainOrderedAtMs: undefined,
      isDoomed: false,
      job: undefined,
      jobStartedAtMs: 0,
      busyMs: 0,
      idleSinceMs: Infinity,
      endedAtMs: undefined,
    };
    this.machines.push(machine);
    this.present.add(machine);
    this.#events.at(machine.readyAtMs, () => this.#begin(machine));
    if (faults.spot) this.#doom(machine, faults.spot);
  }

  #doom(machine: SimulatedMachine, spot: NonNullable<Faults['spot']>): void {
    const lifeMs = exponential(this.#spotRandom, 3_600_000 / spot.killsPerMachineHour);
    const endMs = machine.launchedAtMs + lifeMs;
    const noticeMs = spot.noticeSeconds * 1000;
    if (noticeMs > 0)
      this.#events.at(Math.max(this.nowMs, endMs - noticeMs), () => {
        machine.isDoomed = true;
        if (machine.life === 'working') this.#stopClaiming(machine);
      });
    this.#events.at(endMs, () => this.end(machine));
  }

  #begin(machine: SimulatedMachine): void {
    if (machine.life !== 'booting') return;
    machine.life = 'working';
    if (machine.isDoomed || machine.drainOrderedAtMs !== undefined) this.#stopClaiming(machine);
    else this.#claim(machine);
  }

  #stopClaiming(machine: SimulatedMachine): void {
    machine.life = machine.job ? 'draining' : 'drained';
    this.#idle.delete(machine);
  }

  #enqueue(job: Job): void {
    this.line.add(job);
    const machine = this.#nextIdle();
    if (!machine) return;
    this.#idle.delete(machine);
    this.#claim(machine);
  }

  #nextIdle(): SimulatedMachine | undefined {
    if (this.options.dispatch === 'longest-idle') return this.#idle.values().next().value;
    return [...this.#idle].at(-1);
  }

  #claim(machine: SimulatedMachine): void {
    const job = this.line.take();
    if (!job) {
      machine.idleSinceMs = this.nowMs;
      this.#idle.add(machine);
      return;
    }
    machine.idleSinceMs = Infinity;
    machine.job = job;
    machine.jobStartedAtMs = this.nowMs;
    const serviceMs = (job.segment.workSeconds / machine.pool.power) * 1000;
    this.#events.at(this.nowMs + serviceMs, () => {
      if (machine.job === job) this.#finish(machine, job);
    });
  }

  #finish(machine: SimulatedMachine, job: Job): void {
    job.doneAtMs = this.nowMs;
    machine.busyMs += this.nowMs - machine.jobStartedAtMs;
    this.doneCount += 1;
    machine.job = undefined;
    this.#onDone(job, machine);
    if (machine.life === 'draining') machine.life = 'drained';
    else this.#claim(machine);
  }
}
