import { statfs } from 'node:fs/promises';

import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { isOnPath } from '../core/process.ts';
import type { Queue } from '../queue/queue.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Tables } from '../store/schema.ts';
import type { ReadinessCheck } from './match-desk.ts';

interface ReadinessOptions {
  db: Kysely<Tables>;
  queue: Pick<Queue, 'ping'>;
  store: Pick<ObjectStore, 'check'>;
  clock: Clock;
  home: string;
  /** The channels of before are open again. */
  isResumed: boolean;
}

const checkMsMax = 2_000;
/** Two minutes of a 12 Mb/s feed and its clips: time to react before segments are refused. */
const freeBytesMin = 256 * 1024 * 1024;
/** A healthy fleet answers within seconds; a worker that was killed is noticed by the queue within 20. */
const stuckMs = 60_000;

/** May new work be given to this server? Each check ends within its own limit and says what is wrong and how to mend it. */
export async function checkReadiness(options: ReadinessOptions): Promise<ReadinessCheck[]> {
  const { db, queue, store, clock, home, isResumed } = options;
  const checks: [ReadinessCheck['name'], () => Promise<string>][] = [
    ['database', async () => (await sql`select 1`.execute(db), 'answers')],
    ['queue', async () => (await queue.ping(checkMsMax), 'answers')],
    ['store', async () => (await store.check(), 'takes objects')],
    ['disk', async () => await checkDisk(home)],
    ['ffmpeg', async () => checkFfmpeg()],
    ['ingest', async () => checkIngest(isResumed)],
    ['workers', async () => await checkWorkers(db, clock.nowMs())],
  ];
  return await Promise.all(checks.map(async ([name, check]) => await timed(name, check, clock)));
}

async function timed(
  name: ReadinessCheck['name'],
  check: () => Promise<string>,
  clock: Clock,
): Promise<ReadinessCheck> {
  const startedAtMs = clock.monotonicMs();
  const done = new AbortController();
  const limit = clock.sleep(checkMsMax, done.signal).then(() => {
    throw new Error(`no answer within ${checkMsMax} ms`);
  });
  try {
    const message = await Promise.race([check(), limit]);
    return { name, isOk: true, message, tookMs: Math.round(clock.monotonicMs() - startedAtMs) };
  } catch (thrown) {
    const { message } = asTouchlineError(thrown);
    return { name, isOk: false, message, tookMs: Math.round(clock.monotonicMs() - startedAtMs) };
  } finally {
    done.abort();
    await limit.catch(() => undefined);
  }
}

async function checkDisk(home: string): Promise<string> {
  const { bavail, bsize } = await statfs(home);
  const freeBytes = bavail * bsize;
  const freeMiB = Math.floor(freeBytes / 1024 / 1024);
  if (freeBytes >= freeBytesMin) return `${freeMiB} MiB free`;
  throw new TouchlineError({
    code: 'store.full',
    message: `${freeMiB} MiB are free at ${home} (256 MiB are needed): remove old clips and segments, or move TOUCHLINE_STORE`,
    retryable: true,
    blame: 'environment',
  });
}

function checkFfmpeg(): string {
  if (isOnPath('ffmpeg') && isOnPath('ffprobe')) return 'found';
  throw new TouchlineError({
    code: 'ffmpeg.missing',
    message: 'ffmpeg or ffprobe is not on the PATH. On Debian: sudo apt-get install -y ffmpeg',
    retryable: false,
    blame: 'environment',
  });
}

function checkIngest(isResumed: boolean): string {
  if (isResumed) return 'the channels are open';
  throw new TouchlineError({
    code: 'ingest.opening',
    message: 'the channels are being opened again: a moment',
    retryable: true,
    blame: 'touchline',
  });
}

/** Workers never show themselves here: what is seen is whether work gets done. */
async function checkWorkers(db: Kysely<Tables>, nowMs: number): Promise<string> {
  const oldest = await db
    .selectFrom('jobs')
    .select((expression) => [
      expression.fn.min('created_at_ms').as('created'),
      expression.fn.countAll<number>().as('count'),
    ])
    .where('state', '=', 'sent')
    .executeTakeFirstOrThrow();
  const created = oldest.created as number | null;
  if (created === null || nowMs - created < stuckMs) return `${oldest.count} jobs on the way`;
  const latest = await db
    .selectFrom('jobs')
    .select('finished_at_ms')
    .where('finished_at_ms', 'is not', null)
    .orderBy('finished_at_ms', 'desc')
    .limit(1)
    .executeTakeFirst();
  const ageS = Math.round((nowMs - created) / 1000);
  if (latest?.finished_at_ms && nowMs - latest.finished_at_ms < stuckMs) {
    return `${oldest.count} jobs on the way, the oldest for ${ageS} s`;
  }
  throw new TouchlineError({
    code: 'workers.unavailable',
    message: `${oldest.count} jobs wait, the oldest for ${ageS} s, and none was finished in the last minute: start workers with \`touchline worker\``,
    retryable: true,
    blame: 'environment',
  });
}
