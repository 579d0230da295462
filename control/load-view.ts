import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import type { Backlog, ChannelLoad, LoadView, WorkerView } from '../core/load.ts';
import type { Tables } from '../store/schema.ts';
import type { WorkerRegistry } from './worker-registry.ts';

/**
 * What there is to do, and who does it, from the ledger and the registry: never from the queue, whose counts are approximate
 * (SQS) or a scan of everything that ever was (BullMQ). Four queries on indexes that hold what is open and what is recent.
 */
export class LoadReader {
  readonly #db: Kysely<Tables>;
  readonly #registry: WorkerRegistry;
  readonly #clock: Clock;
  #workOf: { atMs: number; byChannel: ReadonlyMap<string, number> } | undefined;

  constructor(options: { db: Kysely<Tables>; registry: WorkerRegistry; clock: Clock }) {
    this.#db = options.db;
    this.#registry = options.registry;
    this.#clock = options.clock;
  }

  async read(): Promise<LoadView> {
    const measuredAtMs = this.#clock.nowMs();
    const workers = await this.#registry.list();
    const backlog = await this.readBacklog(workers);
    const channels = await this.#channels(measuredAtMs);
    return { measuredAtMs, channels, backlog, workers };
  }

  /** Depth, age, arrivals and what is in hand. */
  async readBacklog(workers: readonly WorkerView[]): Promise<Backlog> {
    const nowMs = this.#clock.nowMs();
    const inHand = new Set(workers.flatMap(({ jobIds }) => jobIds));
    const [open, held, arrived, served] = await Promise.all([
      this.#countOpen(),
      this.#countHeld([...inHand]),
      this.#countArrived(nowMs - arrivalWindowMs),
      this.#meanService(nowMs),
    ]);
    const seconds = (work: Work): number => served.get(keyOf(work)) ?? priorSeconds[work.kind] ?? 1;
    const workOf = (all: readonly Counted[]): number =>
      all.reduce((sum, one) => sum + one.count * seconds(one), 0);
    const heldCount = countOf(held);
    return {
      waitingCount: Math.max(0, countOf(open) - heldCount),
      waitingWorkSeconds: Math.max(0, workOf(open) - workOf(held)),
      oldestWaitMs: await this.#oldestWaitMs(nowMs, inHand),
      inFlightCount: heldCount,
      // Half done, on average.
      inFlightWorkSeconds: workOf(held) / 2,
      arrivedWorkPerSecond: workOf(arrived) / (arrivalWindowMs / 1000),
      meanServiceSeconds: countOf(arrived) > 0 ? workOf(arrived) / countOf(arrived) : 0,
    };
  }

  async #countOpen(): Promise<Counted[]> {
    return await this.#db
      .selectFrom('jobs')
      .select(['kind', 'variant', sql<number>`count(*)::int`.as('count')])
      .where('state', '=', 'sent')
      .groupBy(['kind', 'variant'])
      .execute();
  }

  async #countHeld(jobIds: readonly string[]): Promise<Counted[]> {
    if (jobIds.length === 0) return [];
    return await this.#db
      .selectFrom('jobs')
      .select(['kind', 'variant', sql<number>`count(*)::int`.as('count')])
      .where('id', '=', sql<string>`any(${[...jobIds]})`)
      .where('state', '=', 'sent')
      .groupBy(['kind', 'variant'])
      .execute();
  }

  async #countArrived(sinceMs: number): Promise<Counted[]> {
    return await this.#db
      .selectFrom('jobs')
      .select(['kind', 'variant', sql<number>`count(*)::int`.as('count')])
      .where('created_at_ms', '>', sinceMs)
      .groupBy(['kind', 'variant'])
      .execute();
  }

  /** Seconds by kind and variant, of what was finished last. */
  async #meanService(nowMs: number): Promise<ReadonlyMap<string, number>> {
    const recent = this.#db
      .selectFrom('jobs')
      .select(['kind', 'variant', 'started_at_ms', 'finished_at_ms'])
      .where('finished_at_ms', '>', nowMs - serviceWindowMs)
      .orderBy('finished_at_ms', 'desc')
      .limit(serviceRowsMax)
      .as('recent');
    const rows = await this.#db
      .selectFrom(recent)
      .select(['kind', 'variant', sql<number>`avg(finished_at_ms - started_at_ms)::float8`.as('ms')])
      .where('started_at_ms', 'is not', null)
      .groupBy(['kind', 'variant'])
      .execute();
    return new Map(rows.map((row) => [keyOf(row), Math.max(0, row.ms) / 1000]));
  }

  /** The oldest that nobody has in hand: among the oldest there are at most as many in hand as workers have. */
  async #oldestWaitMs(nowMs: number, inHand: ReadonlySet<string>): Promise<number> {
    const kinds = ['analyse', 'cut'].map(async (kind) => {
      const variants = await this.#db
        .selectFrom('jobs')
        .select(['id', 'created_at_ms'])
        .where('state', '=', 'sent')
        .where('kind', '=', kind)
        .orderBy('created_at_ms')
        .limit(inHand.size + 1)
        .execute();
      return variants.find(({ id }) => !inHand.has(id))?.created_at_ms ?? nowMs;
    });
    return Math.max(0, nowMs - Math.min(...(await Promise.all(kinds))));
  }

  /** Live, and expected by the schedule; one that is both is there once. */
  async #channels(nowMs: number): Promise<ChannelLoad[]> {
    const live = await this.#db
      .selectFrom('channels')
      .select(['id', 'name', 'sport'])
      .where('state', 'in', ['live', 'degraded'])
      .execute();
    const fixtures = await this.#db
      .selectFrom('fixtures')
      .leftJoin('channels', (join) =>
        join.onRef('channels.name', '=', 'fixtures.channel_name').on('channels.state', '<>', 'deleted'),
      )
      .select([
        'fixtures.id',
        'fixtures.name',
        'fixtures.kick_off_at_ms',
        'fixtures.length_ms',
        'channels.id as channelId',
      ])
      .where('cancelled_at_ms', 'is', null)
      .where('kick_off_at_ms', '>', nowMs - fixtureLookBackMs)
      .where('kick_off_at_ms', '<', nowMs + fixtureLookAheadMs)
      .orderBy('kick_off_at_ms')
      .execute();
    const work = await this.#workByChannel(nowMs);
    const usual = work.size > 0 ? sumOf([...work.values()]) / work.size : workPrior;
    const timesOf = (fixture: (typeof fixtures)[number]): { startsAtMs: number; endsAtMs: number } => ({
      startsAtMs: fixture.kick_off_at_ms,
      endsAtMs: fixture.kick_off_at_ms + fixture.length_ms,
    });
    const liveIds = new Set(live.map(({ id }) => id));
    return [
      ...live.map(({ id, name }): ChannelLoad => {
        const fixture = fixtures.find(({ channelId }) => channelId === id);
        const workPerMediaSecond = work.get(id) ?? usual;
        return {
          channelId: id,
          name,
          isLive: true,
          workPerMediaSecond,
          ...(fixture ? timesOf(fixture) : {}),
        };
      }),
      ...fixtures
        .filter(({ channelId }) => channelId === null || !liveIds.has(channelId))
        .map((fixture): ChannelLoad => ({
          channelId: fixture.channelId ?? fixture.id,
          name: fixture.name,
          isLive: false,
          workPerMediaSecond: (fixture.channelId === null ? undefined : work.get(fixture.channelId)) ?? usual,
          ...timesOf(fixture),
        })),
    ];
  }

  /** Work seconds per second of media, of each channel that was live in the last minutes. Read once in half a minute. */
  async #workByChannel(nowMs: number): Promise<ReadonlyMap<string, number>> {
    if (this.#workOf && nowMs - this.#workOf.atMs < workCacheMs) return this.#workOf.byChannel;
    const sinceMs = nowMs - workWindowMs;
    const { rows } = await sql<{ channel_id: string; work_ms: number; from_ms: number; until_ms: number }>`
      select channel_id, sum(work_ms)::float8 as work_ms, min(created_at_ms)::float8 as from_ms,
             max(created_at_ms)::float8 as until_ms
      from jobs where finished_at_ms > ${sinceMs} and work_ms is not null group by channel_id`.execute(
      this.#db,
    );
    const byChannel = new Map<string, number>();
    for (const { channel_id: id, work_ms: workMs, from_ms: fromMs, until_ms: untilMs } of rows) {
      // Of a channel that has just begun there is too little to tell.
      const spanMs = untilMs - Math.max(fromMs, sinceMs);
      if (spanMs >= workSpanMsMin) byChannel.set(id, workMs / spanMs);
    }
    this.#workOf = { atMs: nowMs, byChannel };
    return byChannel;
  }
}

interface Work {
  kind: string;
  variant: string;
}
interface Counted extends Work {
  count: number;
}

const arrivalWindowMs = 60_000;
const serviceWindowMs = 600_000;
/** A tenth of a second's worth of work at the largest rate: enough for a mean, and read in a millisecond. */
const serviceRowsMax = 500;
const workWindowMs = 300_000;
const workCacheMs = 30_000;
const workSpanMsMin = 30_000;
const fixtureLookBackMs = 12 * 3_600_000;
const fixtureLookAheadMs = 2 * 3_600_000;
/** Seconds of one job until there is a mean: `docs/benchmarks.md`, a segment of 4 s and cuts of 20 s, on a CPU. */
const priorSeconds: Readonly<Record<string, number>> = { analyse: 0.5, cut: 3 };
/** Work seconds per second of media until there is a channel to measure: the coarse look (0.1) and as much again for the rest. */
const workPrior = 0.2;

function keyOf({ kind, variant }: Work): string {
  return `${kind}/${variant}`;
}

function countOf(all: readonly Counted[]): number {
  return all.reduce((sum, { count }) => sum + count, 0);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
