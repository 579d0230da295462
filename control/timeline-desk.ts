import { sql } from 'kysely';

import { loadRules } from '../analytics/rules/load-rules.ts';
import type { Rules } from '../analytics/rules/rules.ts';
import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Secret } from '../core/secret.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { MatchDesk } from './match-desk.ts';
import { ShareLinks, type ShareLinkView, type ShareLinkWish } from './share-links.ts';
import { Stills, type Still } from './stills.ts';
import { ContributorViews, type ContributorView } from './watch/contributor-view.ts';
import { CurveCache } from './watch/curve-cache.ts';
import type { FeedHistory } from './watch/feed-history.ts';
import { LiveWall, type LiveWallView } from './watch/live-wall.ts';
import { mediaPlaylist } from './watch/playlist.ts';
import { RunTimelines, type ThresholdView, type TimelineView } from './watch/run-timeline.ts';
import { readMark, readTails, type SegmentMark } from './watch/segment-marks.ts';

export type { ShareLinkView } from './share-links.ts';
export type { Still } from './stills.ts';
export type { ContributorView } from './watch/contributor-view.ts';

/**
 * What people watch: the timeline of a run, its picture from the first second to the live edge, and stills. Reads the ledger and
 * the store alone, and remembers what it has worked out; nothing is lost when it forgets.
 */
export interface TimelineDesk {
  /** @throws TouchlineError `run.not-found` */
  timeline(runId: string, asked: { fromMs?: number; toMs?: number; points: number }): Promise<TimelineView>;
  /** How many clips other thresholds would have given. @throws TouchlineError `run.not-found` */
  thresholds(runId: string, score?: number): Promise<ThresholdView>;
  /** A media playlist of HLS. @throws TouchlineError `run.not-found` */
  playlist(runId: string, asked: { isUpdate: boolean }): Promise<string>;
  /** The key of a segment's media in the store. @throws TouchlineError `segment.not-found` */
  segmentKey(runId: string, seq: number): Promise<string>;
  /** A picture of one segment. `etag` alone when the asker has that one. @throws TouchlineError `segment.not-found`, `still.not-found`, `still.unavailable` */
  segmentStill(runId: string, seq: number, knownEtag?: string): Promise<Still | { etag: string }>;
  /** The newest picture of a channel; as `segmentStill`. */
  channelStill(channelId: string, knownEtag?: string): Promise<Still | { etag: string }>;
  /** Every channel, those first that need somebody. */
  live(): Promise<LiveWallView>;

  /** The secret is shown here and never again. @throws TouchlineError `channel.not-found`, `share-link.taken` */
  makeShareLink(
    channelId: string,
    wish: ShareLinkWish,
    by: Actor,
  ): Promise<{ link: ShareLinkView; secret: Secret }>;
  listShareLinks(channelId: string): Promise<ShareLinkView[]>;
  /** @throws TouchlineError `share-link.not-found` */
  revokeShareLink(channelId: string, linkId: string, by: Actor): Promise<void>;
  /** What whoever has a link is shown; undefined for a secret that opens nothing. */
  contributor(secret: Secret): Promise<ContributorPage | undefined>;
}

export interface ContributorPage {
  view: ContributorView;
  key: Secret | undefined;
  expiresAtMs: number;
}

export interface TimelineDeskOptions {
  catalogue: Pick<Catalogue, 'db'>;
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
  /** Whose drivers say what the feeds are like now. */
  match: Pick<MatchDesk, 'health' | 'getChannel'>;
  /** What they were like lately: it is told by whoever hears the drivers. */
  history: FeedHistory;
}

export function openTimelineDesk(options: TimelineDeskOptions): TimelineDesk {
  const { store, clock, random, log, match, history } = options;
  const { db } = options.catalogue;
  const rulesBySport = new Map<string, Rules>();
  const rulesOf = (sport: string): Rules => {
    const rules = rulesBySport.get(sport) ?? loadRules({ sport });
    rulesBySport.set(sport, rules);
    return rules;
  };
  const curves = new CurveCache({ db });
  const timelines = new RunTimelines({ db, clock, curves, rulesOf });
  const stills = new Stills({ store, log });
  const healthOf = (channelId: string) => match.health(channelId);
  const wall = new LiveWall({ db, clock, curves, rulesOf, healthOf });
  const links = new ShareLinks({ db, clock, random });
  const endpointsOf = async (channelId: string) => (await match.getChannel(channelId)).endpoints;
  const contributors = new ContributorViews({ db, clock, history, healthOf, endpointsOf });
  const stillOf = async (mark: SegmentMark, knownEtag: string | undefined, isKept: boolean) => {
    const etag = stills.etagOf(mark);
    return etag === knownEtag ? { etag } : await stills.of(mark, { isKept });
  };

  return {
    timeline: async (runId, asked) => await timelines.timeline(runId, asked),
    thresholds: async (runId, score) => await timelines.thresholds(runId, score),
    playlist: async (runId, { isUpdate }) => {
      const { run, marks } = await timelines.read(runId);
      return mediaPlaylist(marks, { isLive: run.isLive, isUpdate });
    },
    segmentKey: async (runId, seq) => {
      const mark = await readMark(db, runId, seq);
      if (!mark || mark.bytes === 0) throw noSegment(runId, seq);
      return mark.key;
    },
    segmentStill: async (runId, seq, knownEtag) => {
      const mark = await readMark(db, runId, seq);
      if (!mark) throw noSegment(runId, seq);
      return await stillOf(mark, knownEtag, true);
    },
    channelStill: async (channelId, knownEtag) => {
      const { rows } = await sql<{ id: string }>`
        select id from runs where channel_id = ${channelId} order by start_wall_ms desc limit 1`.execute(db);
      const runId = rows[0]?.id;
      const tails = await readTails(db, runId === undefined ? [] : [{ runId, count: pictureTail }]);
      const mark = tails.get(runId ?? '')?.findLast((one) => one.hasPicture && one.bytes > 0);
      if (!mark) throw noStill(channelId);
      return await stillOf(mark, knownEtag, false);
    },
    live: async () => await wall.view(),
    makeShareLink: async (channelId, wish, by) => await links.make(channelId, wish, by),
    listShareLinks: async (channelId) => await links.list(channelId),
    revokeShareLink: async (channelId, linkId, by) => await links.revoke(channelId, linkId, by),
    contributor: async (secret) => {
      const opened = await links.open(secret);
      const view = opened && (await contributors.view(opened.channelId));
      return view && { view, key: opened.key, expiresAtMs: opened.expiresAtMs };
    },
  };
}

/** A few segments of sound alone may stand at the end. */
const pictureTail = 5;

function noStill(channelId: string): TouchlineError {
  return new TouchlineError({
    code: 'still.not-found',
    message: `channel "${channelId}" has no picture yet`,
    retryable: false,
    blame: 'caller',
  });
}

function noSegment(runId: string, seq: number): TouchlineError {
  return new TouchlineError({
    code: 'segment.not-found',
    message: `there is no media of segment ${seq} of run "${runId}"`,
    retryable: false,
    blame: 'caller',
  });
}
