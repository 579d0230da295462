import type { Clock } from '../../core/clock.ts';
import type { TouchlineError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { ModuleChild } from '../../core/process.ts';
import type { ActionOutcome, FleetAction, FleetProvider, FleetView } from '../fleet-provider.ts';

export interface LocalOptions {
  /** Starts one worker process that calls itself by this instance id. */
  start(instanceId: string): Promise<ModuleChild>;
  /** Instance ids are this, `.w` and a number. */
  host: string;
  /** What a worker says this often through its message channel while its event loop turns. */
  heartbeat: string;
  /** What an exit code says when the next worker would end with the same; undefined: it may do better. */
  hopelessBy: (exitCode: number) => TouchlineError | undefined;
  clock: Clock;
  log: Log;
}

export const localPool = 'local';

/** A worker that has lived this long was sound: the next one is not held back for the faults of long ago. */
const soundMs = 30_000;
const backoffMs = [200, 1_000, 3_000, 10_000] as const;
/** A worker gives back what is not done within 20 s; one that still lives now is stuck. */
const drainMsMax = 25_000;
/** Twenty missed beats on a machine that is overloaded: a loop that never ends, not a busy moment. */
const silentMsMax = 60_000;

interface Machine {
  instanceId: string;
  child: ModuleChild;
  launchedAtMs: number;
  startedAtMonotonicMs: number;
  drainOrderedAtMs: number | undefined;
  over: AbortController;
}

/**
 * Worker processes on this machine: real ones, that end with us. One that has drained ends by itself, so there is nothing
 * to take back and nothing left to terminate.
 */
export class LocalProvider implements FleetProvider {
  readonly name = 'local';
  readonly capabilities = { canKeep: false };
  readonly #options: LocalOptions;
  readonly #machines = new Map<string, Machine>();
  readonly #changed = new Set<() => void>();
  #count = 0;
  #failures = 0;
  #unavailableUntilMs = 0;
  #hopeless: TouchlineError | undefined;
  #isClosed = false;

  constructor(options: LocalOptions) {
    this.#options = options;
  }

  /** Calls `listener` when a process has ended. */
  onChange(listener: () => void): void {
    this.#changed.add(listener);
  }

  /** @throws TouchlineError when a worker said that it cannot work here: then nothing is started any more */
  async observe(): Promise<FleetView> {
    if (this.#hopeless) throw this.#hopeless;
    const machines = [...this.#machines.values()].map((machine) => ({
      instanceId: machine.instanceId,
      pool: localPool,
      life: 'running' as const,
      launchedAtMs: machine.launchedAtMs,
      drainOrderedAtMs: machine.drainOrderedAtMs,
    }));
    const pool = {
      name: localPool,
      power: 1,
      dollarsPerHour: 0,
      orderedCount: machines.length,
      unavailableUntilMs: this.#unavailableUntilMs,
    };
    return { machines, pools: [pool] };
  }

  async apply(action: FleetAction): Promise<ActionOutcome> {
    if (action.kind === 'order') return await this.#order(action.count);
    const machine = this.#machines.get(action.instanceId);
    if (!machine) return { kind: 'unchanged' };
    switch (action.kind) {
      case 'drain':
        if (machine.drainOrderedAtMs !== undefined) return { kind: 'unchanged' };
        this.#drain(machine);
        return { kind: 'done' };
      case 'keep':
        return { kind: 'failed', why: 'a process that was told to end cannot be kept', isRetryable: false };
      case 'terminate':
        // It ends by itself within its limit, or is killed then.
        return { kind: 'unchanged' };
      case 'replace':
        this.#options.log.error('a worker process does not work and is killed', {
          instanceId: machine.instanceId,
          pid: machine.child.pid,
          why: action.why,
        });
        machine.child.kill();
        return { kind: 'done' };
    }
  }

  /** Drains all that are left, and returns when they have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ended = [...this.#machines.values()].map(async (machine) => {
      if (machine.drainOrderedAtMs === undefined) this.#drain(machine);
      await machine.child.exit;
    });
    await Promise.all(ended);
  }

  async #order(count: number): Promise<ActionOutcome> {
    const nowMs = this.#options.clock.nowMs();
    if (count <= this.#machines.size) return { kind: 'unchanged' };
    if (nowMs < this.#unavailableUntilMs) {
      const untilMs = this.#unavailableUntilMs;
      return { kind: 'no-capacity', pool: localPool, why: 'the last worker ended at once', untilMs };
    }
    while (this.#machines.size < count && !this.#isClosed) await this.#start();
    return { kind: 'done' };
  }

  async #start(): Promise<void> {
    const { clock, log, host } = this.#options;
    this.#count += 1;
    const instanceId = `${host}.w${this.#count}`;
    const child = await this.#options.start(instanceId);
    const machine: Machine = {
      instanceId,
      child,
      launchedAtMs: clock.nowMs(),
      startedAtMonotonicMs: clock.monotonicMs(),
      drainOrderedAtMs: undefined,
      over: new AbortController(),
    };
    this.#machines.set(instanceId, machine);
    log.debug('worker process started', { instanceId, pid: child.pid });
    void this.#killWhenSilent(machine);
    void child.exit.then(({ exitCode, signal }) => this.#onExit(machine, exitCode, signal));
    // It may have been closed while the process was being started.
    if (this.#isClosed) this.#drain(machine);
  }

  #drain(machine: Machine): void {
    const { clock } = this.#options;
    machine.drainOrderedAtMs = clock.nowMs();
    machine.child.terminate();
    void clock.sleep(drainMsMax, machine.over.signal).then(
      () => machine.child.kill(),
      () => undefined,
    );
  }

  #onExit(machine: Machine, exitCode: number | null, by: string | null): void {
    const { clock, log, hopelessBy } = this.#options;
    const { instanceId, child } = machine;
    machine.over.abort();
    this.#machines.delete(instanceId);
    if (machine.drainOrderedAtMs === undefined) {
      const lifeMs = clock.monotonicMs() - machine.startedAtMonotonicMs;
      this.#failures = lifeMs > soundMs ? 1 : this.#failures + 1;
      const waitMs = backoffMs[this.#failures - 1] ?? backoffMs.at(-1) ?? 0;
      this.#unavailableUntilMs = clock.nowMs() + waitMs;
      if (exitCode !== null) this.#hopeless ??= hopelessBy(exitCode);
      const how = { exitCode, by, lifeMs: Math.round(lifeMs) };
      log.warn('a worker process ended', { instanceId, pid: child.pid, ...how, waitMs });
      // Once more when the next one may be started.
      void clock.sleep(waitMs).then(() => this.#tell());
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#changed) listener();
  }

  /** A worker whose event loop stands still renews no lease and hears no signal: it can only be killed. */
  async #killWhenSilent({ child, over, instanceId }: Machine): Promise<void> {
    const { clock, log, heartbeat } = this.#options;
    let heardAtMs = clock.monotonicMs();
    child.onMessage((message) => {
      if (message === heartbeat) heardAtMs = clock.monotonicMs();
    });
    while (!over.signal.aborted) {
      const silentMs = clock.monotonicMs() - heardAtMs;
      if (silentMs >= silentMsMax) {
        log.error('a worker process does not answer and is killed', { instanceId, pid: child.pid, silentMs });
        child.kill();
        return;
      }
      await clock.sleep(silentMsMax - silentMs, over.signal).catch(() => undefined);
    }
  }
}
