import { sql, type Kysely } from 'kysely';

import { excitementReach } from '../../analytics/moments/excitement.ts';
import type { Rules } from '../../analytics/rules/rules.ts';
import type { Clock } from '../../core/clock.ts';
import type { ChannelHealth, ChannelState } from '../../ingest/channel.ts';
import type { Tables } from '../../store/schema.ts';
import { curveOf } from './curve.ts';
import type { CurveCache } from './curve-cache.ts';
import { Memo } from './memo.ts';
import { readTails, type SegmentMark } from './segment-marks.ts';

export interface LiveWallView {
  nowMs: number;
  curveStepMs: number;
  channels: LiveChannelView[];
}

export interface LiveChannelView {
  channelId: string;
  name: string;
  sport: string;
  state: ChannelState;
  reason: string | null;
  needsAttention: boolean;
  runId: string | null;
  isRunOpen: boolean;
  lagMs: number | null;
  bitrateBps: number;
  framesPerSecond: number;
  curve: (number | null)[];
  pendingCount: number;
  /** The newest segment with a picture in it. */
  still: { segmentId: string; atWallMs: number } | null;
}

interface LiveWallOptions {
  db: Kysely<Tables>;
  clock: Clock;
  curves: CurveCache;
  rulesOf: (sport: string) => Rules;
  healthOf: (channelId: string) => ChannelHealth | undefined;
}

/** Every browser that shows the wall asks every two seconds; all of them get one reading. */
const readingMsMax = 1_000;
const curveMs = 60_000;
const curveStepMs = 1_000;
/** A segment is 2 to 6 s, its upload one or two more; three of them late is no hiccup. */
const lateSegments = 3;
const lateMsMin = 15_000;

/** Every channel at one glance: three reads of the ledger, whatever their number. */
export class LiveWall {
  readonly #options: LiveWallOptions;
  readonly #readings: Memo<LiveWallView>;

  constructor(options: LiveWallOptions) {
    this.#options = options;
    this.#readings = new Memo({ clock: options.clock, ageMsMax: readingMsMax, countMax: 1 });
  }

  async view(): Promise<LiveWallView> {
    return await this.#readings.get('wall', async () => await this.#read());
  }

  async #read(): Promise<LiveWallView> {
    const { db, clock, rulesOf } = this.#options;
    const [rows, pending] = await Promise.all([readChannels(db), readPending(db)]);
    const tails = await readTails(
      db,
      rows.flatMap((row) =>
        row.run_id === null ? [] : [{ runId: row.run_id, count: tailCount(row, rulesOf) }],
      ),
    );
    const nowMs = clock.nowMs();
    const tiles: (LiveChannelView & { rank: number })[] = [];
    for (const row of rows) {
      const tail = (row.run_id !== null && tails.get(row.run_id)) || [];
      const pendingCount = pending.get(row.id) ?? 0;
      tiles.push(await this.#tile(row, { tail, pendingCount, nowMs }));
    }
    const channels = tiles
      .toSorted((one, other) => one.rank - other.rank || one.name.localeCompare(other.name))
      .map(({ rank: _rank, ...tile }) => tile);
    return { nowMs, curveStepMs, channels };
  }

  async #tile(
    row: ChannelRow,
    seen: { tail: readonly SegmentMark[]; pendingCount: number; nowMs: number },
  ): Promise<LiveChannelView & { rank: number }> {
    const { rulesOf, healthOf } = this.#options;
    const { tail, nowMs, pendingCount } = seen;
    const health = healthOf(row.id);
    const newest = tail.at(-1);
    const isRunOpen = row.run_id !== null && row.ended_at_ms === null;
    const lagMs = newest && isRunOpen ? nowMs - (newest.startWallMs + newest.toMs - newest.fromMs) : null;
    const { rank, reason } = attention({
      state: row.state,
      stateReason: row.state_reason,
      advice: health?.advice[0],
      isRunOpen,
      lagMs,
      segmentMs: row.segment_ms,
    });
    const pictured = tail.findLast((mark) => mark.hasPicture && mark.bytes > 0);
    const toMs = Math.ceil((newest?.toMs ?? 0) / curveStepMs) * curveStepMs;
    const range = { fromMs: toMs - curveMs, toMs, bucketsMax: curveMs / curveStepMs + 1 };
    const points = isRunOpen
      ? await this.#options.curves.points(tail, rulesOf(row.run_sport ?? row.sport), {
          fromMs: range.fromMs,
          untilMs: toMs,
        })
      : [];
    const looked = isRunOpen ? tail.filter((mark) => mark.isLookedAt) : [];
    return {
      channelId: row.id,
      name: row.name,
      sport: row.sport,
      state: row.state,
      reason,
      needsAttention: rank < calm,
      runId: row.run_id,
      isRunOpen,
      lagMs,
      bitrateBps: health?.bitrateBps ?? 0,
      framesPerSecond: health?.framesPerSecond ?? 0,
      curve: curveOf(points, looked, range).max,
      pendingCount,
      still: pictured
        ? {
            segmentId: pictured.id,
            atWallMs: pictured.startWallMs + pictured.toMs - pictured.fromMs,
          }
        : null,
      rank,
    };
  }
}

/** From here on nobody is needed. */
const calm = 4;

/** Where a channel stands on the wall, and what a person should know of it. */
export function attention(of: {
  state: ChannelState;
  stateReason: string | null;
  advice: string | undefined;
  isRunOpen: boolean;
  lagMs: number | null;
  segmentMs: number;
}): { rank: number; reason: string | null } {
  const said = of.stateReason ?? of.advice ?? null;
  if (of.state === 'failed') return { rank: 0, reason: said };
  if (of.state === 'degraded') return { rank: 1, reason: said };
  if (of.state === 'waiting' && of.isRunOpen) {
    return { rank: 2, reason: 'the publisher is gone; the run goes on if it comes back' };
  }
  const lateMs = Math.max(lateMsMin, lateSegments * of.segmentMs);
  if (of.state === 'live' && of.lagMs !== null && of.lagMs > lateMs) {
    return {
      rank: 3,
      reason: `${Math.round(of.lagMs / 1000)} s behind: ${said ?? 'nothing new is in the store'}`,
    };
  }
  if (of.state === 'live') return { rank: calm, reason: said };
  if (of.state === 'idle' || of.state === 'deleted') return { rank: calm + 2, reason: of.stateReason };
  return { rank: calm + 1, reason: said };
}

interface ChannelRow {
  id: string;
  name: string;
  sport: string;
  state: ChannelState;
  state_reason: string | null;
  segment_ms: number;
  run_id: string | null;
  run_sport: string | null;
  ended_at_ms: number | null;
}

/** With the run that goes on, or the one that was last. */
async function readChannels(db: Kysely<Tables>): Promise<ChannelRow[]> {
  const { rows } = await sql<ChannelRow>`
    select c.id, c.name, c.sport, c.state, c.state_reason, c.segment_ms,
      r.id as run_id, r.sport as run_sport, r.ended_at_ms
    from channels c
    left join lateral (
      select id, sport, ended_at_ms from runs where channel_id = c.id order by start_wall_ms desc limit 1
    ) r on true
    where c.state <> 'deleted'`.execute(db);
  return rows;
}

async function readPending(db: Kysely<Tables>): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('moments')
    .select(['channel_id', sql<number>`count(*)`.as('count')])
    .where('decision', '=', 'undecided')
    .where('state', '<>', 'withdrawn')
    .groupBy('channel_id')
    .execute();
  return new Map(rows.map((row) => [row.channel_id, row.count]));
}

/** As many segments as the curve and what decides it reach back; of a run that has ended only the picture is shown. */
function tailCount(row: ChannelRow, rulesOf: (sport: string) => Rules): number {
  if (row.ended_at_ms !== null) return 1;
  const { beforeMs } = excitementReach(rulesOf(row.run_sport ?? row.sport));
  return Math.ceil((curveMs + beforeMs) / row.segment_ms) + 3;
}
