import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { register } from '../../cli/commands/redrive.ts';
import { Secret } from '../../core/secret.ts';
import type { Queue } from '../../queue/queue.ts';
import { openDeskRig, segmentBytes, segmentOf, type DeskRig } from '../support/desk.ts';
import { hasMoto } from '../support/moto.ts';
import { usePostgres } from '../support/postgres.ts';
import { openTestQueue } from '../support/queue-open.ts';
import { region, useSqs } from '../support/queue-sqs.ts';
import { hasRedis, startRedis, type TestRedis } from '../support/redis.ts';
import { memoryIo } from './memory-io.ts';
import { startTestWeb } from '../support/test-web.ts';

const token = 'test-token-0123456789';
const run = { channelId: '', runId: 'run_test' };
const postgres = usePostgres();
const sqs = useSqs();
let redis: TestRedis | undefined;
const ending: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  if (hasRedis) redis = await startRedis();
});
afterAll(async () => await redis?.stop());
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});

const engines: [string, boolean, (databaseUrl: string) => Promise<string>][] = [
  ['bullmq on postgres', true, async (databaseUrl) => databaseUrl],
  ['bullmq on redis', hasRedis, async () => redis?.url ?? ''],
  ['sqs', hasMoto, async () => `sqs://${region}/${await sqs.newQueues()}`],
];

describe('touchline redrive', { timeout: 60_000 }, () => {
  for (const [name, isHere, place] of engines) {
    it.skipIf(!isHere)(
      `sends what a worker gave up through again, from the dead-letter queue by way of the ledger, on ${name}`,
      async () => {
        const databaseUrl = await postgres.migratedDatabase();
        const at = await place(databaseUrl);
        const { rig, url } = await openHouse(databaseUrl, await openTestQueue({ at, leaseMs: 5_000 }));
        const mending = { isMended: false };
        await work(await openTestQueue({ at, leaseMs: 5_000 }), mending);
        await play(rig, 3);
        await rig.untilEvent(({ kind }) => kind === 'run.finished');

        const dead = { runId: run.runId, seq: 1, deadReason: 'given-up: the model fell over' };
        const { id } = segmentOf(run, 1);
        const looked = await redrive(url, ['--all', '--dry-run', '--json']);
        expect(JSON.parse(looked.printed[0] ?? '')).toEqual({ segments: [{ id, ...dead }] });
        expect((await rig.desk.listDead({})).segments).toHaveLength(1);

        mending.isMended = true;
        const lastEventId = await rig.desk.lastEventId();
        const sent = await redrive(url, ['--run', run.runId]);
        expect(sent.printed).toEqual([`sent again: ${id} (run_test, number 1): ${dead.deadReason}`]);
        await rig.untilEvent((event) => event.kind === 'run.finished' && event.id > lastEventId);
        expect(await rig.desk.runReport(run.runId)).toMatchObject({
          segments: { total: 3, noClip: 3, dead: 0 },
        });
        expect((await redrive(url, ['--all'])).told).toEqual(['Nothing is dead.']);
      },
    );
  }

  it('says of a segment that has no place in its run that it stays dead, and fails when that one was asked for', async () => {
    const { rig, url } = await openHouse(await postgres.migratedDatabase());
    await play(rig, 1);
    const late = segmentOf(run, 1, { duration90k: 0 });
    await rig.ingest.events.onSegmentLate({ segment: late, reason: 'late: it came too late' });

    const all = await redrive(url, ['--all']);
    expect(all.printed).toEqual([`stays dead: ${late.id} (run_test, number 1): late: it came too late`]);
    expect(all.exitCode).toBe(0);
    const one = await redrive(url, [late.id]);
    expect(one.printed[0]).toContain(`its media lies under ${late.key}`);
    expect(one.exitCode).toBe(4);
    expect((await rig.desk.listDead({})).segments).toHaveLength(1);

    const unknown = await redrive(url, ['seg_none', late.id]);
    expect(unknown.printed).toEqual([
      'unknown: there is no segment "seg_none"',
      expect.stringMatching(/^stays dead: /),
    ]);
    expect(unknown.exitCode).toBe(3);
  });

  it.each([[[]], [['seg_1', '--all']], [['--all', '--run', 'run_test']]])(
    'sends nothing when told %j: which segments has to be said, and once',
    async (args) => {
      await expect(redrive('http://127.0.0.1:9', args)).rejects.toMatchObject({ code: 'redrive.invalid' });
    },
  );
});

/** A desk behind the API, and its address. */
async function openHouse(databaseUrl: string, queue?: Queue): Promise<{ rig: DeskRig; url: string }> {
  if (queue) ending.push(async () => await queue.close());
  const rig = await openDeskRig(databaseUrl, undefined, queue && { queue });
  ending.push(async () => await rig.stop());
  const web = await startTestWeb({ desk: rig.desk, store: rig.store, token: new Secret(token) });
  ending.push(web.stop);
  return { rig, url: web.url };
}

/** Looks at every segment and finds nothing in it; gives up the second one until that is mended. */
async function work(queue: Queue, mending: { isMended: boolean }): Promise<void> {
  const stopping = new AbortController();
  const working = queue.consume('analyse', {
    slots: 1,
    signal: stopping.signal,
    handle: async ({ job, attempt }) => {
      if (job.segment.seq === 1 && !mending.isMended) return { kind: 'dead', reason: 'the model fell over' };
      const { channelId, runId, deadlineAtMs, id: jobId, pass, segment } = job;
      const outcome = { kind: 'found' as const, signals: [], spots: [] };
      const served = { attempt, instanceId: 'here', workerId: 'wrk_1', startedAtMs: 1, finishedAtMs: 2 };
      const result = { of: 'analyse' as const, jobId, pass, segmentId: segment.id, outcome, ...served };
      const about = { channelId, runId, deadlineAtMs, queuedAtMs: 0 };
      await queue.put([{ kind: 'result', id: `result-${jobId}`, ...about, result }]);
      return { kind: 'done' };
    },
  });
  ending.push(async () => {
    stopping.abort();
    await working;
    await queue.close();
  });
}

async function play(rig: DeskRig, count: number): Promise<void> {
  const { events } = rig.ingest;
  run.channelId = (await rig.desk.createChannel({ name: 'derby', sport: 'soccer' })).channel.id;
  await events.onRunStarted({ ...run, startWallMs: 1_700_000_000_000 });
  for (let seq = 0; seq < count; seq += 1) {
    const segment = segmentOf(run, seq);
    await rig.store.put(segment.key, segmentBytes, { contentType: 'video/mp2t', ifNoneMatch: true });
    await events.onSegment(segment);
  }
  await events.onRunEnded({ ...run, segmentCount: count, why: 'stopped' });
}

async function redrive(
  url: string,
  args: readonly string[],
): Promise<{ printed: string[]; told: string[]; exitCode: number }> {
  const home = await mkdtemp(join(tmpdir(), 'touchline-redrive-'));
  const { io, told, printed } = memoryIo({
    TOUCHLINE_HOME: home,
    TOUCHLINE_URL: url,
    TOUCHLINE_TOKEN: token,
  });
  const program = new Command().exitOverride();
  register(program, io);
  try {
    await program.parseAsync(['redrive', ...args], { from: 'user' });
    return { printed: printed.lines, told, exitCode: Number(process.exitCode ?? 0) };
  } finally {
    process.exitCode = undefined;
    await rm(home, { recursive: true });
  }
}
