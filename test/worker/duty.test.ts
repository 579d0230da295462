import { describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { runDuty } from '../../worker/duty.ts';

const quick: Clock = {
  ...systemClock,
  sleep: async (ms, signal) => await systemClock.sleep(ms / 1000, signal),
};

/** A worker with one job in hand that takes until it is let go. */
function setUp() {
  const said: string[] = [];
  let [end, fail]: [() => void, (error: Error) => void] = [() => {}, () => {}];
  const ended = new Promise<void>((resolve, reject) => ([end, fail] = [resolve, reject]));
  const job = { resolve: () => end(), reject: (error: Error) => fail(error) };
  const world = { isOrdered: false, orderError: undefined as Error | undefined, pollCount: 0 };
  const stopping = new AbortController();
  const running = runDuty(
    {
      work: async (signal) => {
        said.push('takes jobs');
        if (!signal.aborted)
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        said.push('takes no more');
        await ended;
        said.push('has none');
      },
      isDrainOrdered: async () => {
        world.pollCount += 1;
        if (world.orderError) throw world.orderError;
        return world.isOrdered;
      },
      onState: async (state) => void said.push(state),
      clock: quick,
      log: silentLog,
    },
    stopping.signal,
  );
  const until = async (what: string): Promise<void> => {
    while (!said.includes(what)) await systemClock.sleep(1);
  };
  return { said, job, world, stopping, running, until };
}

describe('the life of a worker', () => {
  it('ends drained when it is told to end', async () => {
    const { said, job, stopping, running, until } = setUp();
    await until('takes jobs');
    stopping.abort();
    await until('takes no more');
    await until('draining');
    expect(said).not.toContain('drained');
    job.resolve();
    await running;
    expect(said.at(-1)).toBe('drained');
    expect(said.filter((state) => state === 'drained')).toHaveLength(1);
  });

  it('says that it drains before it stops taking jobs, and that it is empty after the last one', async () => {
    const { said, world, job, stopping, running, until } = setUp();
    await until('takes jobs');
    world.isOrdered = true;
    await until('takes no more');
    job.resolve();
    await until('drained');
    expect(said).toEqual(['working', 'takes jobs', 'draining', 'takes no more', 'has none', 'drained']);
    stopping.abort();
    await running;
    expect(said.at(-1)).toBe('drained');
  });

  it('goes back to work when the order is taken back', async () => {
    const { said, world, job, stopping, running, until } = setUp();
    world.isOrdered = true;
    job.resolve();
    await until('drained');
    world.isOrdered = false;
    while (said.filter((one) => one === 'takes jobs').length < 2) await systemClock.sleep(1);
    stopping.abort();
    await running;
    expect(said.slice(-3)).toEqual(expect.arrayContaining(['drained']));
  });

  it('works on while orders cannot be read', async () => {
    const { said, world, job, stopping, running } = setUp();
    world.orderError = new Error('the store is away');
    while (world.pollCount < 5) await systemClock.sleep(1);
    expect(said).toEqual(['working', 'takes jobs']);
    job.resolve();
    stopping.abort();
    await running;
  });

  it('ends with what its work ended with', async () => {
    const { running, job, stopping } = setUp();
    job.reject(new Error('the queue is gone'));
    stopping.abort();
    await expect(running).rejects.toThrow('the queue is gone');
  });
});
