import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import type { Backlog, ChannelLoad, LoadView, WorkerView } from '../core/load.ts';
import type { Tables } from '../store/schema.ts';
import type { WorkerRegistry } from './worker-registry.ts';

/**
 * What there is to do, and who does it, from the ledger and the registry: never from the queue, whose counts are approximate
 * (SQS) or a scan of everything that ever was (BullMQ).
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
    const rows = await this.#count(nowMs, [...new Set(workers.flatMap(({ jobIds }) => jobIds))]);
    const secondsOf = (row: Counted): number => {
      const served = rows.find(({ what, kind, variant }) => {
        return what === 'served' && kind === row.kind && variant === row.variant;
      });
      return served ? Math.max(0, served.meanMs ?? 0) / 1000 : (priorSeconds[row.kind] ?? 1);
    };
    const open = rows.filter(({ what }) => what === 'open');
    const arrived = rows.filter(({ what }) => what === 'arrived');
    const arrivedWork = total(arrived, (row) => row.count * secondsOf(row));
    const arrivedCount = total(arrived, (row) => row.count);
    const oldestAtMs = Math.min(...open.map(({ oldestAtMs }) => oldestAtMs ?? nowMs));
    return {
      waitingCount: total(open, (row) => row.count - row.heldCount),
      waitingWorkSeconds: total(open, (row) => (row.count - row.heldCount) * secondsOf(row)),
      oldestWaitMs: Math.max(0, nowMs - oldestAtMs),
      inFlightCount: total(open, (row) => row.heldCount),
      // Half done, on average.
      inFlightWorkSeconds: total(open, (row) => row.heldCount * secondsOf(row)) / 2,
      arrivedWorkPerSecond: arrivedWork / (arrivalWindowMs / 1000),
      meanServiceSeconds: arrivedCount > 0 ? arrivedWork / arrivedCount : 0,
    };
  }

  /** One statement, each part of which reads one index and not the table: what is open, what came lately, what was served last. */
  async #count(nowMs: number, heldIds: readonly string[]): Promise<Counted[]> {
    const { rows } = await sql<Counted>`
      select 'open' as what, kind, variant, count(*)::int as count,
             (count(*) filter (where id = any(${[...heldIds]}::text[])))::int as "heldCount",
             (min(created_at_ms) filter (where not id = any(${[...heldIds]}::text[])))::float8 as "oldestAtMs",
             null::float8 as "meanMs"
      from jobs where state = 'sent' group by kind, variant
      union all
      select 'arrived', kind, variant, count(*)::int, 0, null, null
      from jobs where created_at_ms > ${nowMs - arrivalWindowMs} group by kind, variant
      union all
      select 'served', kind, variant, count(*)::int, 0, null, avg(work_ms)::float8
      from (select kind, variant, work_ms from jobs where finished_at_ms > ${nowMs - serviceWindowMs}
            order by finished_at_ms desc limit ${serviceRowsMax}) as recent
      where work_ms is not null group by kind, variant`.execute(this.#db);
    return rows;
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
      ...withoutOverlaps(fixtures)
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

interface Counted {
  what: 'open' | 'arrived' | 'served';
  kind: string;
  variant: string;
  count: number;
  heldCount: number;
  oldestAtMs: number | null;
  meanMs: number | null;
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

function total(all: readonly Counted[], of: (row: Counted) => number): number {
  return all.reduce((sum, row) => sum + of(row), 0);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** One channel carries one feed: two fixtures at the same time on it are one stretch of work, from the first to the last. */
function withoutOverlaps<F extends { channelId: string | null; kick_off_at_ms: number; length_ms: number }>(
  fixtures: readonly F[],
): F[] {
  const merged: F[] = [];
  for (const fixture of fixtures) {
    const at = merged.findLastIndex(({ channelId }) => channelId !== null && channelId === fixture.channelId);
    const before = merged[at];
    const beforeEndMs = before && before.kick_off_at_ms + before.length_ms;
    if (!before || beforeEndMs === undefined || fixture.kick_off_at_ms >= beforeEndMs) {
      merged.push(fixture);
      continue;
    }
    const endMs = Math.max(beforeEndMs, fixture.kick_off_at_ms + fixture.length_ms);
    merged[at] = { ...before, length_ms: endMs - before.kick_off_at_ms };
  }
  return merged;
}
