import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import type { LoadView, WorkerView } from '../core/load.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { Controller, type DecisionRecords } from './controller.ts';
import type { DrainOrders } from './drain-orders.ts';
import type { FleetProvider } from './fleet-provider.ts';
import { QueueLoad, type QueueCounts } from './lambda-load.ts';
import type { ScalingPolicy } from './policy.ts';
import { noOverrides } from './snapshot.ts';

export interface StandInOptions {
  /** When a server last said that it decides, by its clock; undefined = never. */
  decidedAtMs: (signal: AbortSignal) => Promise<number | undefined>;
  counts: () => Promise<QueueCounts>;
  openProvider: (orders: DrainOrders, signal: AbortSignal) => Promise<FleetProvider>;
  orders: DrainOrders;
  policy: ScalingPolicy;
  /** Of one job, assumed: nobody measures while no server is there. */
  serviceSeconds: number;
  clock: Clock;
  random: Random;
  log: Log;
}

/** A server says that it decides once a minute: one may be late by half of that. */
const signMsMax = 90_000;
/** Four rounds a minute; a moment's chance before each, for several fleets of one account share its rate of calls. */
const roundCount = 4;
const roundEveryMs = 15_000;
const jitterMsMax = 2_000;
/** What a round may take, what it takes at the least, and what is left for the answer of the invocation. */
const roundMsMax = 10_000;
const roundMsMin = 3_000;
const endMs = 2_000;
/** SQS's counts may be a minute late. */
const emptyMsMin = 60_000;

/**
 * Decides for the fleet while no server does: the same controller and the same rules, fed from the queues and the groups alone.
 *
 * `unknown`: before the first look. `waiting`: a server decides, or none ever has; nothing is touched and nothing is kept in mind.
 * `acting`: the last sign of a server is old; history, provider and drains live as long as this state.
 */
export class StandIn {
  readonly #options: StandInOptions;
  #mode: { kind: 'unknown' } | { kind: 'waiting' } | Acting = { kind: 'unknown' };
  #sign: { valueMs: number; firstSeenAtMs: number } | undefined;

  constructor(options: StandInOptions) {
    this.#options = options;
  }

  /** The rounds of one invocation; it returns before `remainingMs` are over. */
  async run(remainingMs: number): Promise<void> {
    const { clock, random, log } = this.#options;
    const startMs = clock.monotonicMs();
    for (let round = 0; round < roundCount; round += 1) {
      const dueMs = startMs + round * roundEveryMs + random.unit() * jitterMsMax;
      const waitMs = Math.max(0, dueMs - clock.monotonicMs());
      const leftMs = startMs + remainingMs - endMs - clock.monotonicMs();
      if (leftMs - waitMs < roundMsMin) return;
      await clock.sleep(waitMs);
      const limit = AbortSignal.timeout(Math.floor(Math.min(roundMsMax, leftMs - waitMs)));
      const isOver = await Promise.race([this.#round(limit).then(() => true), overrun(limit)]);
      if (isOver) continue;
      // Whatever it still waits for, it acts no more: its limit is looked at before each action.
      log.error('a round of the Lambda did not end in time, and the next begins anew');
      await this.#letGo({ kind: 'unknown' });
      return;
    }
  }

  /** Whatever fails is said in one line and leaves the fleet as it is. */
  async #round(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    try {
      if (!(await this.#isAlone(signal))) return;
      const { clock, counts } = this.#options;
      const acting = this.#mode.kind === 'acting' ? this.#mode : await this.#takeOver(signal);
      const measuredAtMs = clock.nowMs();
      const backlog = acting.queues.add(await counts());
      acting.load = { measuredAtMs, channels: [], backlog, workers: acting.drains.emptied(acting.queues) };
      await acting.controller.round(signal);
    } catch (thrown) {
      if (signal.aborted) return;
      const error = asTouchlineError(thrown);
      log.error('no decision by the Lambda: the fleet stays as it is', { error });
      if (!error.retryable) await this.#letGo({ kind: 'unknown' });
    }
  }

  /** No server decides. By its word when it did last; by ours when its clock is ahead and its word does not change any more. */
  async #isAlone(signal: AbortSignal): Promise<boolean> {
    const { clock, log, decidedAtMs } = this.#options;
    const valueMs = await decidedAtMs(signal);
    const nowMs = clock.nowMs();
    if (valueMs === undefined) {
      if (this.#mode.kind !== 'waiting')
        log.warn(
          'no server has ever said that it decides, and the Lambda waits for one: give its role autoscaling:CreateOrUpdateTags',
        );
      await this.#letGo({ kind: 'waiting' });
      return false;
    }
    if (this.#sign?.valueMs !== valueMs) this.#sign = { valueMs, firstSeenAtMs: nowMs };
    const ageMs = nowMs - Math.min(valueMs, this.#sign.firstSeenAtMs);
    if (ageMs >= signMsMax) return true;
    if (this.#mode.kind !== 'waiting') log.info('a server decides, and the Lambda does nothing', { ageMs });
    await this.#letGo({ kind: 'waiting' });
    return false;
  }

  async #takeOver(signal: AbortSignal): Promise<Acting> {
    const { clock, random, log, policy, serviceSeconds, orders, openProvider } = this.#options;
    const drains = new Drains(orders, clock);
    const provider = await openProvider(drains, signal);
    signal.throwIfAborted();
    const acting: Acting = {
      kind: 'acting',
      provider,
      drains,
      queues: new QueueLoad({ serviceSeconds, clock }),
      load: undefined,
      controller: new Controller({
        provider,
        policy,
        load: async () => acting.load ?? noLoad(),
        records: nowhere,
        lease: { hold: async () => true, release: async () => {} },
        // Without their beats nobody knows who is sick.
        isHealing: false,
        intervalMs: roundEveryMs,
        clock,
        random,
        log,
      }),
    };
    this.#mode = acting;
    log.warn('no server decides: the Lambda does');
    return acting;
  }

  async #letGo(mode: { kind: 'unknown' } | { kind: 'waiting' }): Promise<void> {
    const before = this.#mode;
    this.#mode = mode;
    if (before.kind === 'acting') await before.provider.close();
  }
}

interface Acting {
  kind: 'acting';
  provider: FleetProvider;
  controller: Controller;
  drains: Drains;
  queues: QueueLoad;
  load: LoadView | undefined;
}

/** The orders in the store, and since when we know of each. */
class Drains implements DrainOrders {
  readonly #store: DrainOrders;
  readonly #clock: Clock;
  readonly #knownSinceMs = new Map<string, number>();

  constructor(store: DrainOrders, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async order(instanceId: string, isDraining: boolean): Promise<void> {
    await this.#store.order(instanceId, isDraining);
    if (isDraining) this.#knownSinceMs.set(instanceId, this.#clock.nowMs());
    else this.#knownSinceMs.delete(instanceId);
  }

  async read(): Promise<Map<string, number>> {
    const orders = await this.#store.read();
    for (const instanceId of orders.keys()) this.#knownSinceMs.set(instanceId, this.#clock.nowMs());
    return orders;
  }

  /**
   * Machines that hold nothing: for a minute and longer since they were told to drain, nobody held anything. Said in the words
   * of their workers, who cannot say it themselves.
   */
  emptied({ emptySinceMs }: QueueLoad): WorkerView[] {
    const nowMs = this.#clock.nowMs();
    return [...this.#knownSinceMs].flatMap(([instanceId, knownSinceMs]): WorkerView[] => {
      if (emptySinceMs === undefined || nowMs - Math.max(emptySinceMs, knownSinceMs) < emptyMsMin) return [];
      return [
        {
          workerId: instanceId,
          instanceId,
          slots: { analyse: 0, cut: 0 },
          jobIds: [],
          state: 'drained',
          startedAtMs: knownSinceMs,
          lastBeatAtMs: nowMs,
          lastCompletedAtMs: undefined,
          completedCount: 0,
          throughput: 0,
          clockSkewMs: 0,
          isDeviceOk: true,
        },
      ];
    });
  }
}

/** Pins, pauses, measured boots and past decisions lie in the database, and that may be what is away. */
const nowhere: DecisionRecords = {
  recent: async () => [],
  overrides: async () => noOverrides,
  bootMsP95: async () => undefined,
  noteMachines: async () => {},
  add: async () => {},
};

async function overrun(limit: AbortSignal): Promise<false> {
  return await new Promise((resolve) =>
    limit.addEventListener('abort', () => resolve(false), { once: true }),
  );
}

function noLoad(): never {
  throw new TouchlineError({
    code: 'scaling.no-load',
    message: 'the queues have not been read yet',
    retryable: true,
    blame: 'touchline',
  });
}
