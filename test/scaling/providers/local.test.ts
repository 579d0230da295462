import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../../core/clock.ts';
import { TouchlineError } from '../../../core/errors.ts';
import { silentLog } from '../../../core/log.ts';
import { startModule, type ModuleChild } from '../../../core/process.ts';
import { LocalProvider } from '../../../scaling/providers/local.ts';
import { isAlive } from '../../support/touchline.ts';
import { providerContract } from '../provider-contract.ts';

const heartbeat = 'alive';
let folder: string;
let provider: LocalProvider;
let children: Map<string, ModuleChild>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-local-'));
  children = new Map();
});
afterEach(async () => {
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

const endsWhenTold = "process.on('SIGTERM', () => process.exit(0));";

providerContract({ name: 'local', canKeep: false, staysDrained: false, canDie: true }, async () => {
  provider = open(endsWhenTold);
  return {
    provider,
    pass: async () => await systemClock.sleep(20),
    kill: async (instanceId) => children.get(instanceId)?.kill(),
    done: async () => {},
  };
});

describe('workers on this machine', { timeout: 60_000 }, () => {
  it('are as many as ordered, however often', async () => {
    provider = open(endsWhenTold);
    expect(await order(2)).toEqual({ kind: 'done' });
    expect(await order(2)).toEqual({ kind: 'unchanged' });
    await until(() => pids().length === 2);
    const { machines, pools } = await provider.observe();
    expect(machines.map(({ instanceId, life }) => ({ instanceId, life }))).toEqual([
      { instanceId: 'vm.w1', life: 'running' },
      { instanceId: 'vm.w2', life: 'running' },
    ]);
    expect(pools).toEqual([expect.objectContaining({ orderedCount: 2 })]);
  });

  it('end when they are told to drain, and nobody else does', async () => {
    provider = open(endsWhenTold);
    await order(2);
    await until(() => pids().length === 2);
    expect(await provider.apply({ kind: 'drain', instanceId: 'vm.w1' })).toEqual({ kind: 'done' });
    await untilThereAre(1);
    expect((await provider.observe()).machines[0]?.instanceId).toBe('vm.w2');
    expect(await provider.apply({ kind: 'drain', instanceId: 'vm.w1' })).toEqual({ kind: 'unchanged' });
  });

  it('are told of at once when one dies, and the next has to wait longer each time', async () => {
    provider = open('process.exit(1);');
    let toldCount = 0;
    provider.onChange(() => (toldCount += 1));
    await order(1);
    await until(() => toldCount > 0);
    const first = (await provider.observe()).pools[0]?.unavailableUntilMs ?? 0;
    expect(await order(1)).toMatchObject({ kind: 'no-capacity', untilMs: first });
    await until(() => systemClock.nowMs() >= first);
    expect(await order(1)).toEqual({ kind: 'done' });
    await untilThereAre(0);
    const second = (await provider.observe()).pools[0]?.unavailableUntilMs ?? 0;
    expect(second - systemClock.nowMs()).toBeGreaterThan(300);
  });

  it.each([78, 69])('are given up when one says that it cannot work here: exit code %i', async (exitCode) => {
    provider = open(`process.exit(${exitCode});`);
    await order(1);
    await until(() => pids().length === 1);
    const refusal = { retryable: false, message: expect.stringContaining(`${exitCode}`) as string };
    await until(async () => {
      return await provider.observe().then(
        () => false,
        (error: unknown) => (expect(error).toMatchObject(refusal), true),
      );
    });
  });

  it('are killed when they stand still', async () => {
    // A minute of silence passes in 60 ms.
    const clock: Clock = {
      ...systemClock,
      sleep: async (ms, signal) => await systemClock.sleep(ms / 1000, signal),
      monotonicMs: () => systemClock.monotonicMs() * 1000,
    };
    provider = open('for (;;);', clock);
    await order(1);
    await untilThereAre(0);
  });

  it('live on while they beat', async () => {
    const clock: Clock = {
      ...systemClock,
      sleep: async (ms, signal) => await systemClock.sleep(ms / 100, signal),
      monotonicMs: () => systemClock.monotonicMs() * 100,
    };
    // A minute is 600 ms here.
    provider = open(`setInterval(() => process.send('${heartbeat}'), 50); ${endsWhenTold}`, clock);
    await order(1);
    await until(() => pids().length === 1);
    const startedAtMs = systemClock.monotonicMs();
    await until(() => systemClock.monotonicMs() - startedAtMs > 1500);
    expect((await provider.observe()).machines).toHaveLength(1);
  });

  it('are all gone when the provider is closed', async () => {
    provider = open(endsWhenTold);
    await order(2);
    await until(() => pids().length === 2);
    await provider.close();
    expect(pids().filter(isAlive)).toEqual([]);
    expect((await provider.observe()).machines).toEqual([]);
  });
});

async function order(count: number): Promise<unknown> {
  return await provider.apply({ kind: 'order', pool: 'local', count });
}

async function untilThereAre(count: number): Promise<void> {
  await until(async () => (await provider.observe()).machines.length === count);
}

/** Workers that write down their pid and then do as they are told. */
function open(body: string, clock: Clock = systemClock): LocalProvider {
  const path = join(folder, 'main.mjs');
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs';
     process.on('disconnect', () => process.exit(1));
     setInterval(() => {}, 1000);
     const say = () => appendFileSync(${JSON.stringify(join(folder, 'pids'))}, process.pid + '\\n');
     ${body.startsWith('process.exit') || body.startsWith('for') ? `say(); ${body}` : `${body} say();`}`,
  );
  return new LocalProvider({
    start: async (instanceId) => {
      const child = await startModule({ url: pathToFileURL(path) });
      children.set(instanceId, child);
      return child;
    },
    host: 'vm',
    heartbeat,
    hopelessBy: (exitCode) => (exitCode === 78 || exitCode === 69 ? cannotWork(exitCode) : undefined),
    clock,
    log: silentLog,
  });
}

function cannotWork(exitCode: number): TouchlineError {
  const message = `a worker ended with ${exitCode}`;
  return new TouchlineError({ code: 'config.invalid', message, retryable: false, blame: 'environment' });
}

function pids(): number[] {
  try {
    return readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number);
  } catch {
    return []; // none has started yet
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 30_000;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error('it did not happen within 30 s');
    await systemClock.sleep(20);
  }
}
