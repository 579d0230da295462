import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { nothingKnown, type LoadView } from '../core/load.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { decide, type Brake, type Decision } from './decide.ts';
import type {
  ActionOutcome,
  FleetAction,
  FleetProvider,
  FleetView,
  ProvidedMachine,
} from './fleet-provider.ts';
import { heal, noHealMemory } from './heal.ts';
import { mergeFleet } from './merge-fleet.ts';
import type { ScalingPolicy } from './policy.ts';
import type { Overrides, PastDecision, Snapshot } from './snapshot.ts';

export interface ControllerOptions {
  provider: FleetProvider;
  policy: ScalingPolicy;
  load: () => Promise<LoadView>;
  records: DecisionRecords;
  lease: ControllerLease;
  /** Machines whose workers do not work are replaced: there are beats to tell by. */
  isHealing: boolean;
  /** From one decision to the next, ms; jittered by a tenth, so that several controllers do not call in step. */
  intervalMs: number;
  clock: Clock;
  random: Random;
  log: Log;
}

/** Where decisions are written down, and what is read again after a restart. */
export interface DecisionRecords {
  recent(sinceMs: number): Promise<PastDecision[]>;
  overrides(): Promise<Overrides>;
  /** Undefined until a boot has been measured. */
  bootMsP95(): Promise<number | undefined>;
  /** Told each time, so that boots can be measured; what is known already changes nothing. */
  noteMachines(machines: readonly ProvidedMachine[]): Promise<void>;
  add(record: DecisionRecord): Promise<void>;
}

export interface DecisionRecord {
  decision: Decision;
  provider: FleetProvider['name'];
  outcomes: readonly { action: FleetAction; outcome: ActionOutcome }[];
  /** Every input; undefined when nothing has changed since the last one that has it. */
  snapshot: Snapshot | undefined;
}

/** Only who holds it acts. */
export interface ControllerLease {
  /** Takes or renews it for so long. False: another has it. */
  hold(forMs: number): Promise<boolean>;
  release(): Promise<void>;
}

/** Longer than a round may take, and short enough that another takes over within a boot. */
const leaseMs = 30_000;
const roundMsMax = 20_000;
/** All that a decision looks back on. */
const memoryMs = 15 * 60_000;
/** So that a quiet fleet can be explained too. */
const snapshotEveryMs = 10 * 60_000;

/**
 * Observes, decides and applies, again and again until `signal` aborts. What fails is logged and tried again by the next
 * round: a fleet stays as it is when nobody can say what it should be.
 */
export class Controller {
  readonly #options: ControllerOptions;
  #history: PastDecision[] | undefined;
  #load: LoadView | undefined;
  #last: { decision: Decision; snapshotAtMs: number } | undefined;
  #healing = noHealMemory;
  #wake = new AbortController();

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** The next round begins now. */
  wake(): void {
    this.#wake.abort();
  }

  /** @throws TouchlineError when the provider says that no retry can mend it */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, intervalMs, lease } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      await this.round(AbortSignal.any([signal, AbortSignal.timeout(roundMsMax)]));
      const waitMs = intervalMs * (0.95 + 0.1 * random.unit());
      await clock.sleep(waitMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
    await lease.release().catch(() => undefined);
  }

  /** One decision, carried out. Undefined when another controller has the lease, or nothing could be seen. */
  async round(signal: AbortSignal): Promise<Decision | undefined> {
    const { log, lease, records, clock } = this.#options;
    try {
      if (!(await lease.hold(leaseMs))) {
        if (this.#history) log.info('another controller has taken over');
        this.#history = undefined;
        return undefined;
      }
      this.#history ??= await records.recent(clock.nowMs() - memoryMs);
      return await this.#decideAndApply(this.#history, signal);
    } catch (thrown) {
      if (thrown instanceof Hopeless) throw thrown.cause;
      const error = asTouchlineError(thrown);
      if (!signal.aborted) log.warn('no decision: the fleet stays as it is', { error });
      return undefined;
    }
  }

  async #decideAndApply(history: PastDecision[], signal: AbortSignal): Promise<Decision> {
    const { provider, policy, log, records } = this.#options;
    const outcomes: { action: FleetAction; outcome: ActionOutcome }[] = [];
    let { snapshot, sick } = await this.#observe(history, signal);
    let decision = decide(snapshot, policy);
    await this.#applyAll([...sick, ...decision.actions], outcomes, signal);
    // A pool that has nothing to give is passed over at once, not at the next round.
    for (let tries = 1; tries < snapshot.pools.length && isShort(outcomes); tries += 1) {
      ({ snapshot, sick } = await this.#observe(history, signal));
      const again = decide(snapshot, policy);
      const orders = again.actions.filter(({ kind }) => kind === 'order');
      if (orders.length === 0) break;
      decision = { ...again, actions: [...decision.actions, ...orders] };
      await this.#applyAll(orders, outcomes, signal);
    }
    const { atMs, neededCount, desiredCount } = decision;
    history.push({ atMs, neededCount, desiredCount });
    while (history[0] && history[0].atMs < atMs - memoryMs) history.shift();
    const isNews = this.#isNews(decision);
    const isTold = isNews || outcomes.some(({ outcome }) => outcome.kind !== 'unchanged');
    log[isNews ? 'info' : 'debug']('scaling', {
      neededCount,
      desiredCount,
      machineCount: snapshot.machines.length,
      reason: decision.reason,
    });
    const isDue = isTold || atMs - (this.#last?.snapshotAtMs ?? 0) >= snapshotEveryMs;
    this.#last = { decision, snapshotAtMs: isDue ? atMs : (this.#last?.snapshotAtMs ?? atMs) };
    await records.add({
      decision,
      provider: provider.name,
      outcomes,
      snapshot: isDue ? snapshot : undefined,
    });
    return decision;
  }

  async #observe(
    history: readonly PastDecision[],
    signal: AbortSignal,
  ): Promise<{ snapshot: Snapshot; sick: FleetAction[] }> {
    const { provider, policy, records, clock } = this.#options;
    const load = await this.#readLoad();
    const view = await provider.observe(signal).catch((thrown: unknown) => {
      throw thrown instanceof TouchlineError && !thrown.retryable ? new Hopeless(thrown) : thrown;
    });
    await records.noteMachines(view.machines);
    const atMs = clock.nowMs();
    const bootMsP95 = (await records.bootMsP95()) ?? policy.bootSecondsPrior * 1000;
    const sick = this.#findSick({ atMs, load, view, bootMsP95 });
    const sickIds = new Set(sick.map(({ instanceId }) => instanceId));
    const { canKeep } = provider.capabilities;
    const snapshot: Snapshot = {
      atMs,
      measuredAtMs: load.measuredAtMs,
      channels: load.channels,
      backlog: load.backlog,
      machines: mergeFleet(view, load.workers, { atMs, sickIds, canKeep }),
      pools: view.pools,
      bootMsP95,
      history,
      overrides: await records.overrides(),
    };
    return { snapshot, sick: sick.map((one) => ({ kind: 'replace', ...one })) };
  }

  #findSick(about: {
    atMs: number;
    load: LoadView;
    view: FleetView;
    bootMsP95: number;
  }): { instanceId: string; why: string }[] {
    if (!this.#options.isHealing) return [];
    const { atMs, load, view, bootMsP95 } = about;
    const { measuredAtMs, workers } = load;
    const patients = { atMs, measuredAtMs, machines: view.machines, workers, bootMsP95 };
    const { replace, sickCount, held, memory } = heal(patients, this.#healing);
    this.#healing = memory;
    if (held !== undefined)
      this.#options.log.warn('machines look sick and are not replaced', { sickCount, held });
    return [...replace];
  }

  /** The last one when there is no new one: its age tells the decision that it is old. */
  async #readLoad(): Promise<LoadView> {
    try {
      this.#load = await this.#options.load();
    } catch (error) {
      this.#options.log.warn('the load could not be read: the last figures stay', { error });
    }
    return this.#load ?? nothingKnown;
  }

  async #applyAll(
    actions: readonly FleetAction[],
    outcomes: { action: FleetAction; outcome: ActionOutcome }[],
    signal: AbortSignal,
  ): Promise<void> {
    const { provider, log } = this.#options;
    for (const action of actions) {
      signal.throwIfAborted();
      const outcome = await provider.apply(action, signal);
      outcomes.push({ action, outcome });
      if (outcome.kind === 'failed' || outcome.kind === 'no-capacity')
        log.warn('an action of scaling did not go through', { action, outcome });
    }
  }

  #isNews(decision: Decision): boolean {
    const last = this.#last?.decision;
    return (
      last?.desiredCount !== decision.desiredCount ||
      decision.actions.length > 0 ||
      loudOf(last) !== loudOf(decision)
    );
  }
}

/** What the provider said that no retry can mend. */
class Hopeless extends Error {
  override readonly cause: TouchlineError;

  constructor(cause: TouchlineError) {
    super(cause.message);
    this.cause = cause;
  }
}

function loudOf({ brakes }: Decision): string {
  return brakes.filter((brake) => loudBrakes.has(brake)).join(' ');
}

/** Those that somebody should know of: the others are the ordinary course of a day. */
const loudBrakes: ReadonlySet<Brake> = new Set([
  'count-max',
  'cost',
  'no-capacity',
  'stale',
  'pinned',
  'in-paused',
  'out-paused',
]);

function isShort(outcomes: readonly { outcome: ActionOutcome }[]): boolean {
  return outcomes.at(-1)?.outcome.kind === 'no-capacity';
}
