import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { RunReport } from '../../control/match-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { drainOrderKey } from '../../core/drain-order.ts';
import { silentLog } from '../../core/log.ts';
import { startChild, type RunningChild } from '../../core/process.ts';
import { systemRandom } from '../../core/random.ts';
import { startEmbeddedPostgres } from '../../store/embedded-postgres.ts';
import { startImdsFake, type ImdsFake } from '../support/imds-fake.ts';
import { writeRoaringMatch } from '../support/roaring-match.ts';
import { install, type Installation, type RunningUp } from '../support/touchline.ts';

const timeout = 180_000;

interface Worker {
  child: RunningChild;
  /** What it has logged by now, oldest first. */
  log(): { msg: string; jobId?: string }[];
}

/** Workers as on EC2: apart from the server, told to go by an order in the store, by EC2, or by a signal. */
describe('a worker elsewhere', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-drain-'));
  const workers: Worker[] = [];
  const exitCodes: (number | null | undefined)[] = [];
  let server: Installation;
  let up: RunningUp;
  let imds: ImdsFake;
  let database: pg.Client;
  const reports: RunReport[] = [];
  let stateWhileDrained: unknown;

  beforeAll(async () => {
    imds = await startImdsFake();
    imds.values.set('instance-id', 'i-0spot');
    server = await install({ TOUCHLINE_WORKERS: '0', TOUCHLINE_LOG: 'info' });
    up = await server.up({ wallMsMax: timeout });
    const tools = { clock: systemClock, random: systemRandom, log: silentLog };
    const { databaseUrl } = await startEmbeddedPostgres({ home: server.home, ...tools });
    database = new pg.Client({ connectionString: databaseUrl.reveal() });
    await database.connect();
    const recording = join(folder, 'match.mp4');
    writeRoaringMatch(recording, { seconds: 36, roarAtSeconds: 16 });
    // Each worker is given work of its own: however fast the machine, none can find that another left it nothing.
    const ingest = async (channel: string): Promise<void> => {
      const ended = await server.run(['ingest', recording, '--as', channel, '--json'], {
        wallMsMax: timeout,
      });
      expect(ended.exitCode, ended.stderrTail.join('\n')).toBe(0);
      reports.push(ended.json as RunReport);
    };

    const first = ingest('cup');
    const spot = await startWorker({
      TOUCHLINE_INSTANCE_ID: 'ec2',
      AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.endpoint,
    });
    await until(() => doneJobs(spot).length >= 2);
    const order = join(server.home, 'store', drainOrderKey('i-0spot'));
    mkdirSync(dirname(order), { recursive: true });
    writeFileSync(order, '{}');
    await until(() => hasSaid(spot, 'worker stopped'));
    const before = doneJobs(spot).length;
    await until(async () => (await stateOf('i-0spot')) === 'drained');
    stateWhileDrained = { state: await stateOf('i-0spot'), hasEnded: hasEnded(spot) };
    expect(doneJobs(spot)).toHaveLength(before);
    rmSync(order);
    const second = ingest('shield');
    await until(() => doneJobs(spot).length > before);
    imds.values.set('spot/instance-action', '{"action": "terminate", "time": "2026-11-23T12:00:00Z"}');
    exitCodes.push((await spot.child.exit).exitCode);

    const other = await startWorker({ TOUCHLINE_INSTANCE_ID: 'i-0other' });
    await Promise.all([first, second, ingest('plate')]);
    process.kill(other.child.pid, 'SIGTERM');
    exitCodes.push((await other.child.exit).exitCode);
  }, timeout);

  afterAll(async () => {
    for (const { child } of workers) child.kill();
    await Promise.all(workers.map(async ({ child }) => await child.exit));
    await database?.end();
    await up?.stop();
    await imds?.stop();
    server?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('told by an order to drain takes nothing more, says that it is empty, stays, and is taken back', () => {
    expect(stateWhileDrained).toEqual({ state: 'drained', hasEnded: false });
    const said = workers[0]?.log().map(({ msg }) => msg) ?? [];
    const course = ['worker started', 'worker drains', 'worker stopped', 'worker is taken back to work'];
    expect(said.filter((msg) => course.includes(msg)).slice(0, 5)).toEqual([...course, 'worker started']);
  });

  it('whose machine EC2 takes back finishes what it has, and ends', async () => {
    expect(exitCodes[0]).toBe(0);
    expect(hasSaid(workers[0], 'EC2 takes this machine back: the worker drains')).toBe(true);
    expect(await stateOf('i-0spot')).toBe('drained');
  });

  it('asked to end by a signal says that it is empty, and ends', async () => {
    expect(exitCodes[1]).toBe(0);
    expect(await stateOf('i-0other')).toBe('drained');
  });

  it('loses no job on the way, and none is run twice to the end', async () => {
    expect(reports).toHaveLength(3);
    for (const { segments } of reports) {
      const { total, clip, noClip, dead } = segments;
      expect({ sum: clip + noClip + dead, dead }).toEqual({ sum: total, dead: 0 });
    }
    const done = workers.flatMap((worker) => doneJobs(worker));
    expect(new Set(done).size).toBe(done.length);
    const { rows } = await database.query<{ id: string; instance: string; request: string; attempt: number }>(
      'select id, instance_id as instance, request_id as request, attempt from jobs',
    );
    expect(rows.map(({ id }) => id).toSorted()).toEqual(done.toSorted());
    expect(new Set(rows.map(({ instance }) => instance))).toEqual(new Set(['i-0spot', 'i-0other']));
    expect(new Set(rows.map(({ request }) => request)).size).toBe(rows.length);
    expect(rows.filter(({ attempt }) => attempt !== 1)).toEqual([]);
  });

  async function startWorker(settings: NodeJS.ProcessEnv): Promise<Worker> {
    const logFile = join(folder, `worker-${workers.length}.log`);
    const child = await startChild({
      command: '/bin/sh',
      args: ['-c', 'exec "$0" "$1" worker 2> "$2"', process.execPath, server.main, logFile],
      env: { ...server.env, ...settings },
      wallMsMax: timeout,
    });
    const worker = {
      child,
      log: () =>
        (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
          .split('\n')
          .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as { msg: string }] : [])),
    };
    void child.exit.then(() => ended.add(worker));
    workers.push(worker);
    return worker;
  }

  async function stateOf(instanceId: string): Promise<string | undefined> {
    const { rows } = await database.query<{ state: string }>(
      'select state from workers where instance_id = $1',
      [instanceId],
    );
    return rows[0]?.state;
  }
});

const ended = new Set<Worker>();

function hasEnded(worker: Worker): boolean {
  return ended.has(worker);
}

function hasSaid(worker: Worker | undefined, msg: string): boolean {
  return worker?.log().some((line) => line.msg === msg) ?? false;
}

function doneJobs(worker: Worker): string[] {
  return worker.log().flatMap(({ msg, jobId }) => (msg === 'job done' && jobId ? [jobId] : []));
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 60_000;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`it did not happen: ${holds.toString()}`);
    await systemClock.sleep(50);
  }
}
