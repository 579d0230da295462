import type { Clock } from '../core/clock.ts';
import { readEnvironment } from '../core/env.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { startModule, type ModuleChild } from '../core/process.ts';
import { exitCodes } from './exit-codes.ts';

interface FleetOptions {
  count: number;
  /** Our own entry, as source or compiled. */
  main: URL;
  env: Readonly<Record<string, string>>;
  clock: Clock;
  log: Log;
}

/** A worker that has lived this long was sound: the next one is not held back for the faults of long ago. */
const soundMs = 30_000;
const backoffMs = [200, 1_000, 3_000, 10_000] as const;
/** A worker gives back what is not done within 20 s; one that still lives now is stuck. */
const drainMsMax = 25_000;

/** Five missed beats on a machine that is four times overloaded: a loop that never ends, not a busy moment. */
const silentMsMax = 60_000;
/** What a worker under supervision says this often through its message channel. */
export const heartbeatMs = 3_000;
export const heartbeat = 'alive';

/** Keeps `count` worker processes alive until `signal` aborts; then drains them and returns when all have ended. */
export async function runWorkerFleet(options: FleetOptions, signal: AbortSignal): Promise<void> {
  await Promise.all(
    Array.from({ length: options.count }, async (_, index) => await keepAlive(index, options, signal)),
  );
}

async function keepAlive(index: number, options: FleetOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  let failures = 0;
  while (!signal.aborted) {
    const startedAtMs = clock.monotonicMs();
    const child = await startModule({
      url: options.main,
      args: ['worker', '--supervised'],
      // What a Node process needs of its surroundings, and our own settings over it.
      env: { ...surroundings(), ...options.env },
      stderr: 'inherit',
    });
    log.debug('worker process started', { index, pid: child.pid });
    const exit = await ended(child, options, signal);
    if (signal.aborted) return;
    if (exit.exitCode !== null && hopelessExitCodes.has(exit.exitCode)) throw hopeless(exit.exitCode);
    const lifeMs = clock.monotonicMs() - startedAtMs;
    failures = lifeMs > soundMs ? 1 : failures + 1;
    const waitMs = backoffMs[failures - 1] ?? backoffMs[backoffMs.length - 1] ?? 0;
    const { exitCode, signal: by } = exit;
    log.warn('a worker process ended and is started again', {
      index,
      pid: child.pid,
      exitCode,
      by,
      lifeMs,
      waitMs,
    });
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}

/** A setting, a model or a missing program: the next worker would say the same. */
const hopelessExitCodes = new Set<number>([exitCodes.badConfig, exitCodes.dependencyMissing]);

function hopeless(exitCode: number): TouchlineError {
  return new TouchlineError({
    code: exitCode === exitCodes.badConfig ? 'config.invalid' : 'process.missing',
    message: `a worker process cannot work here (exit code ${exitCode}): what it said stands above`,
    retryable: false,
    blame: 'environment',
  });
}

async function ended(
  child: ModuleChild,
  options: FleetOptions,
  signal: AbortSignal,
): Promise<Awaited<ModuleChild['exit']>> {
  const over = new AbortController();
  void endWhenSilent(child, options, over.signal);
  const drain = (): void => {
    child.terminate();
    void options.clock.sleep(drainMsMax, over.signal).then(
      () => child.kill(),
      () => undefined,
    );
  };
  if (signal.aborted) drain();
  else signal.addEventListener('abort', drain, { once: true });
  const exit = await child.exit;
  signal.removeEventListener('abort', drain);
  over.abort();
  return exit;
}

/** A worker whose event loop stands still renews no lease and hears no signal: it can only be killed. */
async function endWhenSilent(
  child: ModuleChild,
  { clock, log }: FleetOptions,
  over: AbortSignal,
): Promise<void> {
  let heardAtMs = clock.monotonicMs();
  child.onMessage((message) => {
    if (message === heartbeat) heardAtMs = clock.monotonicMs();
  });
  while (!over.aborted) {
    const silentMs = clock.monotonicMs() - heardAtMs;
    if (silentMs >= silentMsMax) {
      log.error('a worker process does not answer and is killed', { pid: child.pid, silentMs });
      child.kill();
      return;
    }
    await clock.sleep(silentMsMax - silentMs, over).catch(() => undefined);
  }
}

function surroundings(): Record<string, string> {
  const all = readEnvironment();
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_OPTIONS', 'LD_LIBRARY_PATH'];
  return Object.fromEntries(kept.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
}
