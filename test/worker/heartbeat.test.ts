import { describe, expect, it } from 'vitest';

import { systemClock, type Clock } from '../../core/clock.ts';
import { beatJob, type BeatJob } from '../../core/jobs.ts';
import { silentLog } from '../../core/log.ts';
import { Heartbeat } from '../../worker/heartbeat.ts';

/** Time stands still until it is moved; whoever sleeps wakes when it has passed. */
function handClock() {
  let nowMs = 1_800_000_000_000;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) =>
      await new Promise((resolve, reject) => {
        const sleeper = { atMs: nowMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => (sleepers.delete(sleeper), reject(signal.reason as Error)), {
          once: true,
        });
      }),
  };
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    for (const sleeper of sleepers) {
      if (sleeper.atMs > nowMs) continue;
      sleepers.delete(sleeper);
      sleeper.wake();
    }
    await systemClock.sleep(1);
  };
  return { clock, pass };
}

function setUp(put?: (beat: BeatJob) => Promise<void>) {
  const said: BeatJob['beat'][] = [];
  const ids: string[] = [];
  const { clock, pass } = handClock();
  const heartbeat = new Heartbeat({
    put:
      put ??
      (async (job) => {
        ids.push(beatJob.parse(job).id);
        said.push(job.beat);
      }),
    workerId: 'wrk_Abc',
    instanceId: 'i-1',
    slots: { analyse: 1, cut: 1 },
    isDeviceOk: true,
    clock,
    log: silentLog,
  });
  return { heartbeat, said, ids, pass };
}

describe('a heartbeat', () => {
  it('is heard every five seconds, and at once when something changes', async () => {
    const { heartbeat, said, pass } = setUp();
    const stopping = new AbortController();
    const running = heartbeat.run(stopping.signal);
    await pass(0);
    await pass(4_999);
    expect(said).toHaveLength(1);
    await pass(1);
    expect(said).toHaveLength(2);
    await heartbeat.setState('draining');
    expect(said.map(({ number, state }) => [number, state])).toEqual([
      [1, 'working'],
      [2, 'working'],
      [3, 'draining'],
    ]);
    stopping.abort();
    await running;
  });

  it('has one name for each state: what waits is bounded, and a last word is no repetition', async () => {
    const { heartbeat, ids } = setUp();
    await heartbeat.beat();
    await heartbeat.beat();
    await heartbeat.setState('drained');
    expect(ids).toEqual(['beat-wrk_abc-working', 'beat-wrk_abc-working', 'beat-wrk_abc-drained']);
  });

  it('says what is in hand, what was done, and how busy the last minute was', async () => {
    const { heartbeat, said, pass } = setUp();
    heartbeat.begin('r1', 'look-1');
    await pass(15_000);
    heartbeat.end('r1', true);
    heartbeat.begin('r2', 'cut-1');
    await pass(15_000);
    await heartbeat.beat();
    expect(said[0]).toMatchObject({ jobIds: ['cut-1'], completedCount: 1, throughput: 0.5 });
    heartbeat.end('r2', false);
    await pass(60_000);
    await heartbeat.beat();
    expect(said[1]).toMatchObject({ jobIds: [], completedCount: 1, throughput: 0 });
    expect(said[1]?.lastCompletedAtMs).toBe(said[0]?.lastCompletedAtMs);
  });

  it('does not hold its worker up when the queue hangs, and goes on when it is away', async () => {
    const hanging = setUp(async () => await new Promise(() => {}));
    const drained = hanging.heartbeat.setState('drained');
    await hanging.pass(2_000);
    await drained;
    const away = setUp(async () => await Promise.reject(new Error('the queue is away')));
    await away.heartbeat.setState('draining');
  });
});
