import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { runWorkerFleet } from '../../cli/worker-fleet.ts';
import { systemClock, type Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-fleet-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the fleet', { timeout: 60_000 }, () => {
  it('starts a worker that was killed again, and ends all of them when asked to', async () => {
    const stopping = new AbortController();
    const fleet = runWorkerFleet(
      fleetOf("process.on('SIGTERM', () => process.exit(0));", 2),
      stopping.signal,
    );
    await until(() => pids().length === 2);
    process.kill(pids()[0] ?? 0, 'SIGKILL');
    await until(() => pids().length === 3);
    stopping.abort();
    await fleet;
    expect(pids().filter(isAlive)).toEqual([]);
  });

  it.each([78, 69])(
    'gives up when a worker says that it cannot work here: exit code %i',
    async (exitCode) => {
      const fleet = runWorkerFleet(fleetOf(`process.exit(${exitCode});`, 1), new AbortController().signal);
      await expect(fleet).rejects.toMatchObject({
        retryable: false,
        message: expect.stringContaining(`${exitCode}`) as string,
      });
      expect(pids()).toHaveLength(1);
    },
  );

  it('kills a worker that stands still, and starts another', async () => {
    const stopping = new AbortController();
    // A minute of silence passes in 60 ms.
    const clock: Clock = {
      ...systemClock,
      sleep: async (ms, signal) => await systemClock.sleep(ms / 1000, signal),
      monotonicMs: () => systemClock.monotonicMs() * 1000,
    };
    const fleet = runWorkerFleet({ ...fleetOf('for (;;);', 1), clock }, stopping.signal);
    await until(() => pids().length >= 2);
    stopping.abort();
    await fleet;
    expect(pids().filter(isAlive)).toEqual([]);
  });
});

/** Workers that write down their pid and then do as they are told. */
function fleetOf(body: string, count: number): Parameters<typeof runWorkerFleet>[0] {
  const path = join(folder, 'main.mjs');
  const log = JSON.stringify(join(folder, 'pids'));
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs';
     process.on('disconnect', () => process.exit(1));
     appendFileSync(${log}, process.pid + '\\n');
     setInterval(() => {}, 1000);
     ${body}`,
  );
  return { count, main: pathToFileURL(path), env: {}, clock: systemClock, log: silentLog };
}

function pids(): number[] {
  try {
    return readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number);
  } catch {
    return []; // none has started yet
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 30_000;
  while (!holds()) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error('it did not happen within 30 s');
    await systemClock.sleep(20);
  }
}
