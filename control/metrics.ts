import { sql, type Kysely } from 'kysely';

import type { Clock } from '../core/clock.ts';
import type { ChannelHealth } from '../ingest/channel.ts';
import type { Tables } from '../store/schema.ts';
import type { MetricFamily } from './match-desk.ts';

/** Times are looked at over the last hour, at most this many: old trouble leaves the picture, and the cost is bounded. */
const lookBackMs = 3_600_000;
const rowsMax = 2_000;

const waitSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
const latencySeconds = [1, 2, 4, 6, 8, 10, 15, 20, 30, 60, 120] as const;

/** The numbers that an operator watches, read from the ledger when asked for. No ids in labels. */
export async function readMetrics(options: {
  db: Kysely<Tables>;
  clock: Clock;
  healthOf: (channelId: string) => ChannelHealth | undefined;
}): Promise<MetricFamily[]> {
  const { db, clock, healthOf } = options;
  const nowMs = clock.nowMs();
  const channels = await db
    .selectFrom('channels')
    .select(['id', 'name', 'state'])
    .where('state', '<>', 'deleted')
    .execute();
  const open = await db
    .selectFrom('jobs')
    .select(['kind', sql<number>`count(*)`.as('count'), sql<number | null>`min(created_at_ms)`.as('oldest')])
    .where('state', '=', 'sent')
    .groupBy('kind')
    .execute();
  const finished = await db
    .selectFrom('jobs')
    .select(['kind', 'variant', 'state', 'queued_at_ms', 'started_at_ms', 'finished_at_ms', 'attempt'])
    .where('finished_at_ms', '>', nowMs - lookBackMs)
    .orderBy('finished_at_ms', 'desc')
    .limit(rowsMax)
    .execute();
  const clips = await db
    .selectFrom('clips')
    .innerJoin('moments', 'moments.id', 'clips.moment_id')
    .select([
      'clips.first_visible_at_ms',
      'clips.exact_visible_at_ms',
      'clips.visible_at_ms',
      'moments.peak_wall_ms',
    ])
    .orderBy('clips.ordinal', 'desc')
    .limit(rowsMax)
    .execute();
  const recent = clips.filter((clip) => clip.visible_at_ms > nowMs - lookBackMs);
  const unfinished = await db
    .selectFrom('segments')
    .select(['state', sql<number>`count(*)`.as('count')])
    .where('state', 'in', ['stored', 'queued', 'analysed'])
    .groupBy('state')
    .execute();
  const dead = await db
    .selectFrom('segments')
    .select(sql<number>`count(*)`.as('count'))
    .where('state', '=', 'dead')
    .executeTakeFirstOrThrow();
  const pending = await db
    .selectFrom('moments')
    .select(sql<number>`count(*)`.as('count'))
    .where('decision', '=', 'undecided')
    .executeTakeFirstOrThrow();

  const kinds = ['analyse', 'cut'];
  return [
    gauge(
      'touchline_channel_up',
      '1 while media comes in.',
      channels.map(({ name, state }) => [
        { channel: name },
        state === 'live' || state === 'degraded' ? 1 : 0,
      ]),
    ),
    gauge(
      'touchline_channel_bitrate_bits_per_second',
      'What the publisher sends.',
      channels.map(({ id, name }) => [{ channel: name }, healthOf(id)?.bitrateBps ?? 0]),
    ),
    gauge(
      'touchline_channel_discontinuities',
      'Jumps and reconnects in the current run.',
      channels.map(({ id, name }) => [{ channel: name }, healthOf(id)?.discontinuityCount ?? 0]),
    ),
    gauge(
      'touchline_queue_jobs',
      'Jobs sent and not finished.',
      kinds.map((kind) => [{ queue: kind }, open.find((row) => row.kind === kind)?.count ?? 0]),
    ),
    gauge(
      'touchline_queue_oldest_job_age_seconds',
      'Age of the oldest job that is not finished.',
      kinds.map((kind) => {
        const oldest = open.find((row) => row.kind === kind)?.oldest;
        return [{ queue: kind }, oldest ? Math.max(0, nowMs - oldest) / 1000 : 0];
      }),
    ),
    gauge(
      'touchline_segments_open',
      'Segments on their way.',
      ['stored', 'queued', 'analysed'].map((state) => [
        { state },
        unfinished.find((row) => row.state === state)?.count ?? 0,
      ]),
    ),
    gauge('touchline_segments_dead', 'Segments that ended as dead and were not tried again.', [
      [{}, dead.count],
    ]),
    gauge('touchline_review_pending', 'Moments that nobody has decided on.', [[{}, pending.count]]),
    ...kinds.flatMap((kind) => {
      const own = finished.filter((row) => row.kind === kind);
      return [
        histogram('touchline_job_wait_seconds', 'From the queue to a worker, last hour.', waitSeconds, {
          labels: { queue: kind },
          values: own.flatMap((row) => seconds(row.started_at_ms, row.queued_at_ms)),
        }),
        histogram('touchline_job_duration_seconds', 'In the hands of a worker, last hour.', waitSeconds, {
          labels: { queue: kind },
          values: own.flatMap((row) => seconds(row.finished_at_ms, row.started_at_ms)),
        }),
      ];
    }),
    gauge(
      'touchline_job_retries',
      'Deliveries beyond the first, last hour.',
      kinds.map((kind) => {
        const own = finished.filter((row) => row.kind === kind);
        return [{ queue: kind }, own.reduce((sum, row) => sum + Math.max(0, (row.attempt ?? 1) - 1), 0)];
      }),
    ),
    histogram(
      'touchline_moment_latency_seconds',
      'From the peak to the first clip, last hour.',
      latencySeconds,
      {
        labels: { revision: 'first' },
        values: recent.flatMap((clip) => seconds(clip.first_visible_at_ms, clip.peak_wall_ms)),
      },
    ),
    histogram(
      'touchline_moment_latency_seconds',
      'From the peak to the first clip, last hour.',
      latencySeconds,
      {
        labels: { revision: 'exact' },
        values: recent.flatMap((clip) => seconds(clip.exact_visible_at_ms, clip.peak_wall_ms)),
      },
    ),
  ].reduce(mergeFamily, []);
}

function seconds(later: number | null, earlier: number | null): number[] {
  return later === null || earlier === null ? [] : [Math.max(0, later - earlier) / 1000];
}

function gauge(
  name: string,
  help: string,
  samples: (readonly [Record<string, string>, number])[],
): MetricFamily {
  return { name, help, type: 'gauge', samples: samples.map(([labels, value]) => ({ labels, value })) };
}

function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  of: { labels: Record<string, string>; values: readonly number[] },
): MetricFamily {
  const { labels, values } = of;
  const buckets = [...bounds, Infinity].map((bound) => ({
    suffix: '_bucket' as const,
    labels: { ...labels, le: bound === Infinity ? '+Inf' : String(bound) },
    value: values.filter((value) => value <= bound).length,
  }));
  return {
    name,
    help,
    type: 'histogram',
    samples: [
      ...buckets,
      { suffix: '_sum', labels, value: values.reduce((sum, value) => sum + value, 0) },
      { suffix: '_count', labels, value: values.length },
    ],
  };
}

/** A family has one head however many label sets it has. */
function mergeFamily(families: MetricFamily[], next: MetricFamily): MetricFamily[] {
  const known = families.find((family) => family.name === next.name);
  if (!known) return [...families, next];
  known.samples.push(...next.samples);
  return families;
}
