import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { analyseJobFor } from '../../control/ledger.ts';
import { clipSidecar, sidecarKey } from '../../core/clip.ts';
import { systemClock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { CutJob, ResultJob } from '../../core/jobs.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import type { Queue } from '../../queue/queue.ts';
import { openFsStore } from '../../store/fs-store.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { runWorker, type Analyse, type Cut } from '../../worker/worker.ts';
import { fakeCut, segmentBytes, segmentOf } from '../support/desk.ts';
import { MemoryBroker } from '../support/memory-queue.ts';

const run = { channelId: 'ch_one', runId: 'run_one' };
const segment = segmentOf(run, 0);
const look = analyseJobFor(segment, { pass: 'coarse', sport: 'soccer', retryCount: 0, nowMs: 0 });
const nothing: Analyse = async () => ({ signals: [], spots: [] });

let folder: string;
let store: ObjectStore;
let broker: MemoryBroker;
let stopping: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-worker-'));
  store = await openFsStore({ folder: join(folder, 'store'), random: systemRandom });
  await store.put(segment.key, segmentBytes, { contentType: 'video/mp2t' });
  broker = new MemoryBroker({ clock: systemClock });
  stopping = new AbortController();
  running = [];
});
afterEach(async () => {
  stopping.abort();
  await Promise.all(running);
  await rm(folder, { recursive: true, force: true });
});

describe('a worker', () => {
  it('hands over the segments beside the one that is looked at, and reads them only when they are wanted', async () => {
    const beside = segmentOf(run, 1);
    const lost = segmentOf(run, 2);
    await store.put(beside.key, segmentBytes, { contentType: 'video/mp2t' });
    const read: number[] = [];
    await broker.connect().put([{ ...look, neighbours: [beside, lost] }]);
    start(async ({ neighbours }) => {
      const [first] = neighbours;
      expect(neighbours.map((one) => one.segment.seq)).toEqual([1, 2]);
      read.push((await first?.read())?.length ?? 0);
      return { signals: [], spots: [] };
    });
    const { result } = await nextResult();
    expect(result).toMatchObject({ of: 'analyse', outcome: { kind: 'found' } });
    expect(read).toEqual([segmentBytes.length]);
  });

  it('reports what it found and who did it, and only then acknowledges', async () => {
    const order: string[] = [];
    const settle = broker.settle.bind(broker);
    const put = broker.put.bind(broker);
    broker.put = (job) => (order.push(`put ${job.kind}`), put(job));
    broker.settle = (entry, outcome) => (
      order.push(`${outcome.kind} ${entry.job.kind}`),
      settle(entry, outcome)
    );
    await broker.connect().put([look]);
    start(nothing);
    const { result } = await nextResult();
    expect(result).toMatchObject({
      of: 'analyse',
      jobId: look.id,
      attempt: 1,
      instanceId: 'i-0abc',
      workerId: 'wrk_one',
      outcome: { kind: 'found' },
    });
    expect(result.finishedAtMs).toBeGreaterThanOrEqual(result.startedAtMs);
    expect(order.slice(0, 3)).toEqual(['put analyse', 'put result', 'done analyse']);
  });

  it('hands the analyst the bytes that were announced, and no others', async () => {
    let seen: Uint8Array | undefined;
    await broker.connect().put([look]);
    start(async ({ bytes }) => {
      seen = bytes;
      return { signals: [], spots: [] };
    });
    await nextResult();
    expect(Buffer.from(seen ?? []).toString()).toBe(Buffer.from(segmentBytes).toString());
  });

  it('ends a segment whose bytes have changed as dead, never as an empty result', async () => {
    await store.put(segment.key, new Uint8Array(segmentBytes.length), { contentType: 'video/mp2t' });
    await broker.connect().put([look]);
    start(nothing);
    expect((await nextResult()).result.outcome).toMatchObject({
      kind: 'dead',
      fault: { code: 'segment.corrupt' },
    });
  });

  it('tries again what may go through later, and says so in the attempt', async () => {
    let attempts = 0;
    await broker.connect().put([look]);
    start(async () => {
      attempts += 1;
      if (attempts === 1) throw fault(true);
      return { signals: [], spots: [] };
    });
    expect((await nextResult()).result).toMatchObject({ attempt: 2, outcome: { kind: 'found' } });
  });

  it('does not try again what will never go through', async () => {
    let attempts = 0;
    await broker.connect().put([look]);
    start(async () => {
      attempts += 1;
      throw fault(false);
    });
    expect((await nextResult()).result.outcome).toMatchObject({
      kind: 'dead',
      fault: { code: 'test.fault' },
    });
    expect(attempts).toBe(1);
  });

  it('asked to end, finishes what is in hand', async () => {
    await broker.connect().put([look]);
    const begun = deferred();
    const finish = deferred();
    start(async () => {
      begun.resolve();
      await finish.promise;
      return { signals: [], spots: [] };
    });
    await begun.promise;
    stopping.abort();
    finish.resolve();
    await Promise.all(running);
    expect([...broker.entries.keys()]).toEqual([`result-${look.id}`]);
  });

  it('asked to end, calls off what takes too long and gives it back unpenalised', async () => {
    await broker.connect().put([look]);
    const begun = deferred();
    start(
      async (_task, signal) => {
        begun.resolve();
        await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
        throw new Error('unreachable');
      },
      { drainMsMax: 50 },
    );
    await begun.promise;
    stopping.abort();
    await Promise.all(running);
    expect([...broker.entries.values()]).toMatchObject([{ job: { id: look.id }, attempts: 0 }]);
  });

  it('ends as a whole when it can take no more of one kind', async () => {
    const ended: string[] = [];
    const broken: Queue = broker.connect();
    broken.consume = async (kind, { signal }) => {
      if (kind === 'cut') throw fault(false);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      ended.push(kind);
    };
    const options = {
      queue: broken,
      store,
      analyse: nothing,
      cut: fakeCut,
      clock: systemClock,
      log: silentLog,
    };
    const place = { instanceId: 'i-1', workerId: 'wrk_1', workFolder: folder, heartbeat };
    const failure = await runWorker({ ...options, ...place }, stopping.signal).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: fault(false).code });
    expect(ended).toEqual(['analyse']);
  });

  it('writes nothing and reports nothing once its lease is lost', async () => {
    const cut = cutJob('exact');
    await broker.connect().put([cut]);
    const begun = deferred();
    let refusal: unknown;
    const ended = deferred();
    start(nothing, {
      cut: async (job, host, tools) => {
        begun.resolve();
        await new Promise((resolve) => tools.signal.addEventListener('abort', resolve));
        try {
          return await fakeCut(job, host, tools);
        } catch (thrown) {
          refusal = thrown;
          throw thrown;
        } finally {
          ended.resolve();
        }
      },
    });
    await begun.promise;
    broker.entries.get(cut.id)?.lease?.lost.abort();
    await ended.promise;
    expect(refusal).toBeDefined();
    expect(await store.list('clips/')).toEqual([]);
    expect([...broker.entries.keys()].filter((id) => id.startsWith('result-'))).toEqual([]);
  });
});

describe('a cut', () => {
  it('run twice leaves one object of each kind and the same sidecar', async () => {
    start(nothing, { cut: fakeCut });
    await broker.connect().put([cutJob('exact')]);
    const first = await nextResult();
    const before = await store.list('clips/');
    await broker.connect().put([cutJob('exact')]);
    const second = await nextResult();
    expect(second.result.outcome).toEqual(first.result.outcome);
    expect(names(await store.list('clips/'))).toEqual(names(before));
    expect(await readdir(join(folder, 'work')).catch(() => [])).toEqual([]);
  });

  it('that comes late as fast does not replace the exact sidecar', async () => {
    start(nothing, { cut: fakeCut });
    await broker.connect().put([cutJob('exact')]);
    await nextResult();
    await broker.connect().put([cutJob('fast')]);
    await nextResult();
    const text = new TextDecoder().decode(await store.get(sidecarKey(cutJob('fast'))));
    expect(clipSidecar.parse(JSON.parse(text)).revision).toBe('exact');
  });

  it.each([
    ['an older edit', 1],
    ['no edit', undefined],
  ])('that comes late, of %s, does not replace the sidecar of a newer edit', async (_what, version) => {
    start(nothing, { cut: fakeCut });
    const edit = { version: 2, cropVertical: 0.5, cropSquare: 0.5, title: '', tags: [] };
    await broker.connect().put([{ ...cutJob('exact'), id: 'cut-newer', edit }]);
    await nextResult();
    const late = { ...cutJob('exact'), id: 'cut-late' };
    await broker.connect().put([version === undefined ? late : { ...late, edit: { ...edit, version } }]);
    await nextResult();
    const text = new TextDecoder().decode(await store.get(sidecarKey(late)));
    expect(clipSidecar.parse(JSON.parse(text)).edit?.version).toBe(2);
  });
});

const heartbeat = {
  begin: (requestId: string, jobId: string) => void held.set(requestId, jobId),
  end: (requestId: string, isDone: boolean) => {
    ended.push({ jobId: held.get(requestId), isDone });
    held.delete(requestId);
  },
};
const held = new Map<string, string>();
const ended: { jobId: string | undefined; isDone: boolean }[] = [];

function names(objects: readonly { key: string; bytes: number }[]): unknown {
  return objects.map(({ key, bytes }) => [key, bytes]);
}

function start(analyse: Analyse, more: { cut?: Cut; drainMsMax?: number } = {}): void {
  running.push(
    runWorker(
      {
        queue: broker.connect(),
        store,
        analyse,
        cut: more.cut ?? fakeCut,
        clock: systemClock,
        log: silentLog,
        instanceId: 'i-0abc',
        workerId: 'wrk_one',
        heartbeat,
        workFolder: join(folder, 'work'),
        ...(more.drainMsMax === undefined ? {} : { drainMsMax: more.drainMsMax }),
      },
      stopping.signal,
    ),
  );
}

/** Takes the next result off the queue. */
async function nextResult(): Promise<ResultJob> {
  const stop = new AbortController();
  let taken: ResultJob | undefined;
  await broker.connect().consume('result', {
    slots: 1,
    signal: stop.signal,
    handle: async ({ job }) => {
      taken = job;
      stop.abort();
      return { kind: 'done' };
    },
  });
  if (!taken) throw new Error('no result came');
  return taken;
}

function cutJob(revision: CutJob['revision']): CutJob {
  return {
    kind: 'cut',
    id: `cut-one-${revision}`,
    ...run,
    deadlineAtMs: 0,
    queuedAtMs: 0,
    clipId: 'clp_one',
    revision,
    in90k: 0,
    out90k: 180_000,
    moment: { id: 'mom_one', label: 'goal', peakMs: 1000, inMs: 0, outMs: 2000, score: 0.9, reasons: [] },
    segments: [segment],
    presets: ['wide'],
  };
}

function fault(retryable: boolean): TouchlineError {
  return new TouchlineError({ code: 'test.fault', message: 'a fault', retryable, blame: 'environment' });
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  const gate = new AbortController();
  const promise = new Promise<void>((resolve) => gate.signal.addEventListener('abort', () => resolve()));
  return { promise, resolve: () => gate.abort() };
}
