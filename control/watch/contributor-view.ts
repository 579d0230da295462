import { sql, type Kysely } from 'kysely';

import type { Clock } from '../../core/clock.ts';
import type { ChannelEndpoint, ChannelHealth, ChannelState } from '../../ingest/channel.ts';
import type { Tables } from '../../store/schema.ts';
import type { FeedHistory, FeedPast } from './feed-history.ts';
import { feedIssues, type FeedIssue } from './feed-issues.ts';
import { Memo } from './memo.ts';
import { readEvidence } from './run-evidence.ts';
import { readTails, type SegmentMark } from './segment-marks.ts';
import { soundLevels } from './sound-level.ts';

/** What a contributor sees of their channel, and of nothing else. */
export interface ContributorView {
  channel: string;
  channelId: string;
  driver: string;
  state: 'waiting' | 'live' | 'trouble' | 'offline' | 'stopped';
  status: 'good' | 'ok' | 'bad' | 'noData';
  headline: string;
  issues: FeedIssue[];
  feed: {
    bitrateBps: number;
    framesPerSecond: number;
    keyframeIntervalMs: number;
    width: number;
    height: number;
    hasAudio: boolean;
    audioDb: number | null;
    seenAtMs: number;
  } | null;
  history: {
    bitrateBps: (number | null)[];
    framesPerSecond: (number | null)[];
    keyframeIntervalMs: (number | null)[];
    audioDb: (number | null)[];
  };
  still: { segmentId: string; atWallMs: number } | null;
  endpoints: ChannelEndpoint[];
}

interface ContributorViewsOptions {
  db: Kysely<Tables>;
  clock: Clock;
  history: FeedHistory;
  healthOf: (channelId: string) => ChannelHealth | undefined;
  endpointsOf: (channelId: string) => Promise<ChannelEndpoint[]>;
}

/** A phone asks every two seconds; ten phones on one link cost what one costs. */
const readingMsMax = 1_000;
const channelsMax = 200;
/** Gaps and reconnects are told for so long. */
const lookBackMs = 300_000;
const lookBackSegmentsMax = 160;
const soundMs = 60_000;

export class ContributorViews {
  readonly #options: ContributorViewsOptions;
  readonly #readings: Memo<ContributorView | undefined>;

  constructor(options: ContributorViewsOptions) {
    this.#options = options;
    this.#readings = new Memo({
      clock: options.clock,
      ageMsMax: readingMsMax,
      countMax: channelsMax,
    });
  }

  /** Undefined for a channel that is gone. */
  async view(channelId: string): Promise<ContributorView | undefined> {
    return await this.#readings.get(channelId, async () => await this.#read(channelId));
  }

  async #read(channelId: string): Promise<ContributorView | undefined> {
    const { db, clock, history, healthOf, endpointsOf } = this.#options;
    const channel = await readChannel(db, channelId);
    if (!channel) return undefined;
    const tails = channel.run_id
      ? await readTails(db, [{ runId: channel.run_id, count: lookBackSegmentsMax }])
      : new Map<string, SegmentMark[]>();
    const tail = tails.get(channel.run_id ?? '') ?? [];
    const levels = await this.#levels(tail);
    const nowMs = clock.nowMs();
    const past = history.of(channelId);
    const health = healthOf(channelId);
    const shown = isFed(health) ? health : past.last?.health;
    const issues = feedIssues({
      ...findingsOf({ health, past, tail, nowMs }),
      segmentMs: channel.segment_ms,
      levelsDb: levels.map(({ db }) => db),
      wasSeen: past.last !== undefined || channel.run_id !== null,
    });
    const state = stateOf(channel, { health, issues, wasSeen: past.last !== undefined || tail.length > 0 });
    const pictured = tail.findLast((mark) => mark.hasPicture && mark.bytes > 0);
    return {
      channel: channel.name,
      channelId,
      driver: channel.driver,
      state,
      status: statusOf(state, issues),
      headline: headlines[state](issues, channel),
      issues: state === 'stopped' ? [] : issues,
      feed: feedOf(shown, { tail, past, nowMs, level: levels.at(-1)?.db }),
      history: {
        bitrateBps: past.samples.map((sample) => sample.bitrateBps),
        framesPerSecond: past.samples.map((sample) => sample.framesPerSecond),
        keyframeIntervalMs: past.samples.map((sample) => sample.keyframeIntervalMs),
        audioDb: levels.map(({ db }) => db),
      },
      still: pictured
        ? { segmentId: pictured.id, atWallMs: pictured.startWallMs + pictured.toMs - pictured.fromMs }
        : null,
      endpoints: await endpointsOf(channelId),
    };
  }

  /** Of the last minute that was looked at. */
  async #levels(tail: readonly SegmentMark[]): Promise<{ atMs: number; db: number }[]> {
    const endMs = tail.findLast((mark) => mark.isLookedAt)?.toMs;
    if (endMs === undefined) return [];
    const recent = tail.filter((mark) => mark.isLookedAt && mark.toMs > endMs - soundMs);
    const evidence = await readEvidence(this.#options.db, recent, 'near');
    return soundLevels(evidence).slice(-soundMs / 1000);
  }
}

interface ChannelRow {
  name: string;
  driver: string;
  state: ChannelState;
  state_reason: string | null;
  segment_ms: number;
  run_id: string | null;
}

async function readChannel(db: Kysely<Tables>, channelId: string): Promise<ChannelRow | undefined> {
  const { rows } = await sql<ChannelRow>`
    select c.name, c.driver, c.state, c.state_reason, c.segment_ms,
      (select id from runs where channel_id = c.id order by start_wall_ms desc limit 1) as run_id
    from channels c where c.id = ${channelId} and c.state <> 'deleted'`.execute(db);
  return rows[0];
}

function findingsOf(of: {
  health: ChannelHealth | undefined;
  past: FeedPast;
  tail: readonly SegmentMark[];
  nowMs: number;
}) {
  const { health, past, tail, nowMs } = of;
  const recent = tail.filter((mark) => nowMs - mark.startWallMs < lookBackMs);
  const afresh = recent.flatMap((mark) => {
    const before = tail[tail.indexOf(mark) - 1];
    return before && mark.isDiscontinuity ? [mark.sessionId === before.sessionId] : [];
  });
  return {
    hasSession: isFed(health),
    advice: (health?.advice ?? []).map((text, index) => ({ kind: health?.adviceKinds?.[index], text })),
    bitrateBps: health?.bitrateBps ?? 0,
    keyframeIntervalMs: health?.keyframeIntervalMs ?? 0,
    height: health?.height ?? 0,
    hasAudio: health?.hasAudio ?? false,
    samples: past.samples,
    frameRate: tail.at(-1)?.frameRate,
    gaps: recent
      .filter((mark) => mark.gapBeforeMs > 0)
      .map((mark) => ({ lengthMs: mark.gapBeforeMs, agoMs: nowMs - mark.startWallMs })),
    reconnectCount: afresh.filter((isSame) => !isSame).length,
    jumpCount: afresh.filter((isSame) => isSame).length,
  };
}

/** Our own ingest names the session; another driver says only whether media comes. */
function isFed(health: ChannelHealth | undefined): boolean {
  return health?.sessionId !== undefined || health?.state === 'live' || health?.state === 'degraded';
}

function stateOf(
  channel: ChannelRow,
  seen: { health: ChannelHealth | undefined; issues: readonly FeedIssue[]; wasSeen: boolean },
): ContributorView['state'] {
  if (['idle', 'stopping', 'failed', 'creating'].includes(channel.state)) return 'stopped';
  if (!seen.health || !isFed(seen.health)) return seen.wasSeen ? 'offline' : 'waiting';
  if (seen.issues.some(({ severity }) => severity === 'error')) return 'trouble';
  return channel.state === 'live' || seen.health.state === 'live' ? 'live' : 'waiting';
}

function statusOf(state: ContributorView['state'], issues: readonly FeedIssue[]): ContributorView['status'] {
  if (state !== 'live' && state !== 'trouble') return 'noData';
  if (issues.some(({ severity }) => severity === 'error')) return 'bad';
  return issues.some(({ severity }) => severity === 'warning') ? 'ok' : 'good';
}

const headlines: Record<
  ContributorView['state'],
  (issues: readonly FeedIssue[], channel: ChannelRow) => string
> = {
  waiting: () => 'Waiting for the first frame.',
  live: (issues) =>
    issues.some(({ severity }) => severity === 'warning')
      ? 'Your feed arrives. It could be better: see below.'
      : 'Your feed arrives, and all is well.',
  trouble: (issues) =>
    `Your feed arrives, but: ${(issues[0]?.reason ?? 'something is wrong').toLowerCase()}.`,
  offline: () => 'The connection is gone. Below is what was seen last.',
  stopped: (_issues, channel) =>
    channel.state === 'failed'
      ? `The channel has failed${channel.state_reason === null ? '' : `: ${channel.state_reason}`}. Its operator has to look.`
      : 'The channel takes nothing now. Its operator has to start it.',
};

function feedOf(
  shown: ChannelHealth | undefined,
  about: { tail: readonly SegmentMark[]; past: FeedPast; nowMs: number; level: number | undefined },
): ContributorView['feed'] {
  if (!shown) return null;
  const { past, nowMs, level } = about;
  return {
    bitrateBps: shown.bitrateBps,
    framesPerSecond: shown.framesPerSecond,
    keyframeIntervalMs: shown.keyframeIntervalMs,
    width: shown.width,
    height: shown.height,
    hasAudio: shown.hasAudio,
    audioDb: level ?? null,
    seenAtMs: past.last?.atMs ?? nowMs,
  };
}
