import type { Actor } from '../core/actor.ts';
import type { ClipMade, ClipRevision, Rendition } from '../core/clip.ts';
import type { Moment } from '../core/moment.ts';
import type { Secret } from '../core/secret.ts';
import type { ChannelEndpoint, ChannelHealth, ChannelState, RunEnd } from '../ingest/channel.ts';
import type { Decision, MomentState, SegmentState } from '../store/schema.ts';

export type { Decision, MomentState, SegmentState } from '../store/schema.ts';

/**
 * What people and programs can ask of the match desk: the facade between `control/` and whoever shows it (`web/`, `cli/`).
 * Everything returned is plain data read from the ledger; every method may throw a TouchlineError whose code ends in
 * `.not-found`, `.taken` (the state or the name forbids it), `.invalid` or `.unavailable`.
 */
export interface MatchDesk {
  /** The channel begins to accept a publisher at once. The key is shown here and never again. */
  /** `by`: who asked, for whoever wonders later where its key came from. */
  createChannel(wish: ChannelWish, by?: Actor): Promise<{ channel: ChannelView; key: IssuedKey }>;
  listChannels(): Promise<ChannelView[]>;
  /** By id or by name. @throws `channel.not-found` */
  getChannel(idOrName: string): Promise<ChannelView>;
  /** A second live key, for rotation; a third is refused with `key.taken` until one is revoked. */
  issueKey(channelId: string, by: Actor): Promise<IssuedKey>;
  revokeKey(channelId: string, keyId: string, by: Actor): Promise<void>;
  startChannel(channelId: string, by?: Actor): Promise<ChannelView>;
  /** Resolves when the last segment of the run is in the ledger. */
  stopChannel(channelId: string, by?: Actor): Promise<ChannelView>;
  /** Stops it first. Runs, moments and clips stay. */
  deleteChannel(channelId: string, by?: Actor): Promise<void>;
  /** What the contributor's feed looks like now; undefined while nothing was ever received. */
  health(channelId: string): ChannelHealth | undefined;

  /** Takes a recorded file on this machine as the run of a channel (created when there is none of that name). */
  ingestFile(wish: FileWish): Promise<{ channelId: string; runId: string }>;

  /** Newest first. @throws `cursor.invalid` */
  listRuns(filter: RunFilter): Promise<{ runs: RunView[]; next: string | null }>;
  getRun(runId: string): Promise<RunView>;
  /** The outcome of a run as scripts read it (`touchline ingest --json`); `isTerminal` when nothing is left to happen. */
  runReport(runId: string): Promise<RunReport>;
  listSegments(filter: { runId: string; afterSeq?: number; limit?: number }): Promise<SegmentView[]>;

  /** Newest first. @throws `cursor.invalid` */
  listMoments(filter: MomentFilter): Promise<{ moments: MomentView[]; next: string | null }>;
  getMoment(momentId: string): Promise<MomentView>;
  /** The editor's word; stored, told as an event, and changeable. */
  decide(momentId: string, decision: Decision, about: DecidedBy): Promise<MomentView>;

  /** Newest first. A clip is listed from its fast revision on. @throws `cursor.invalid` */
  listClips(filter: ClipFilter): Promise<{ clips: ClipView[]; next: string | null }>;
  getClip(clipId: string): Promise<ClipView>;
  /** Where the time went, from the moment on the pitch to the clip on the page. */
  waterfall(clipId: string): Promise<Waterfall>;

  /** Work that ended as dead, newest first, and the way to give it another chance. @throws `cursor.invalid` */
  listDead(filter: DeadFilter): Promise<{ segments: SegmentView[]; next: string | null }>;
  retrySegment(segmentId: string): Promise<void>;

  /** Everything that happened after `afterId`, in order, at most `limit` (<= 1000). Ids ascend without being gap-free. */
  eventsSince(afterId: number, limit: number): Promise<DeskEvent[]>;
  lastEventId(): Promise<number>;
  /** Called (without argument, soon, possibly once for many) when there is something new to read. Returns the unsubscriber. */
  onNews(listener: () => void): () => void;

  /** May new work be given to this server? Each check has its own time limit. */
  readiness(): Promise<ReadinessCheck[]>;
  /** Prometheus-shaped numbers; `web/` prints them. */
  metrics(): Promise<MetricFamily[]>;
}

export interface ChannelWish {
  /** 1 to 63 visible characters, not `ch_...`; unique among channels that were not deleted. */
  name: string;
  /** Rule set: soccer, basketball, tennis, cricket, generic. Default generic. */
  sport?: string;
  /** 2000 to 6000, default 4000. */
  segmentMs?: number;
  /** Who captures it, of those that the server has. Default `local`. */
  driver?: string;
  /** How the feed comes in, as the driver understands it; `local` takes none. */
  input?: unknown;
}

export interface FileWish {
  /** Absolute path on the machine of the server. */
  path: string;
  name: string;
  sport?: string;
  /** At the file's own pace instead of as fast as the machine can. */
  isRealtime?: boolean;
}

export interface ChannelView {
  id: string;
  name: string;
  sport: string;
  state: ChannelState;
  /** For a person, when the state needs one: why it failed or is degraded. */
  stateReason: string | null;
  segmentMs: number;
  createdAtMs: number;
  /** The run that is live or was last. */
  runId: string | null;
  /** Live keys only. */
  keys: KeyView[];
  driver: string;
  input: unknown;
  /** Where a feed goes to or comes from, when the driver says so. May hold what only the contributor should know. */
  endpoints: ChannelEndpoint[];
}

export interface KeyView {
  /** Public: it stands at the front of the key and finds it in the ledger. */
  id: string;
  createdAtMs: number;
  /** For one of a share link: whoever made that. Null where it was not written down yet. */
  issuedBy: Actor | null;
}

export interface IssuedKey extends KeyView {
  /** 128 random bits; the ledger holds its hash alone. */
  key: Secret;
}

export interface RunView {
  id: string;
  channelId: string;
  /** Wall clock of run time 0. */
  startWallMs: number;
  endedAtMs: number | null;
  why: RunEnd | null;
  segments: SegmentCounts;
  momentCount: number;
  clipCount: number;
}

/** How many segments of a run stand where. `total` is the sum of the others. */
export interface SegmentCounts {
  total: number;
  stored: number;
  queued: number;
  analysed: number;
  clip: number;
  noClip: number;
  dead: number;
}

export interface SegmentView {
  id: string;
  runId: string;
  seq: number;
  state: SegmentState;
  /** Why it is dead: `corrupt: ...`. */
  deadReason: string | null;
  startMs: number;
  durationMs: number;
  startWallMs: number;
  bytes: number;
  key: string;
  storedAtMs: number;
  analysedAtMs: number | null;
  instanceId: string | null;
  attempts: number;
}

export interface MomentView extends Moment {
  channelId: string;
  channelName: string;
  runId: string;
  clipId: string;
  state: MomentState;
  /** Why it failed or was withdrawn. */
  stateReason: string | null;
  /** From 1, up with each change of label, times or score. */
  revision: number;
  decision: Decision;
  decidedAtMs: number | null;
  /** Null where nobody decided, or where that was not written down yet. */
  decidedBy: Actor | null;
  foundAtMs: number;
  /** Wall clock of the peak. */
  peakWallMs: number;
  /** Null until something was cut. */
  clip: ClipView | null;
}

export interface DecidedBy {
  by: Actor;
  /** The same request came at this time and may have been carried out: what was decided since then, by whomever, stays. */
  unsureSinceMs?: number | undefined;
}

export interface MomentFilter {
  channelId?: string;
  runId?: string;
  decision?: Decision;
  /** 0 to 1: those alone that score so much or more. */
  minScore?: number;
  /** `next` of the page before. */
  cursor?: string;
  limit?: number;
}

export interface RunFilter {
  channelId?: string;
  cursor?: string;
  limit?: number;
}

export interface DeadFilter {
  runId?: string;
  cursor?: string;
  limit?: number;
}

export interface ClipFilter {
  channelId?: string;
  runId?: string;
  cursor?: string;
  limit?: number;
}

export interface ClipView {
  id: string;
  momentId: string;
  channelId: string;
  runId: string;
  label: string;
  score: number;
  decision: Decision;
  revision: ClipRevision;
  made: ClipMade;
  proven: boolean;
  durationMs: number;
  startWallMs: number;
  notes: string[];
  sidecarKey: string;
  /** The newest revision's files; `path` where the store keeps them as files on this machine. */
  renditions: RenditionView[];
  /** When the first revision could be seen, and the newest. */
  firstVisibleAtMs: number;
  visibleAtMs: number;
}

export type RenditionView = Rendition & { path?: string };

export interface RunReport {
  channel: string;
  run: string;
  isTerminal: boolean;
  segments: { total: number; clip: number; noClip: number; dead: number };
  moments: (Moment & { state: MomentState })[];
  clips: {
    id: string;
    momentId: string;
    revision: ClipRevision;
    made: ClipMade;
    proven: boolean;
    renditions: {
      preset: string;
      key: string;
      path?: string;
      bytes: number;
      durationMs: number;
      width: number;
      height: number;
    }[];
  }[];
  /** What is wrong with the run and what to do: a recording that is cut short, media that could not be kept. */
  notes: string[];
}

/** The steps in their usual order; those that have not happened are absent. */
export type WaterfallStep =
  | 'happened'
  | 'segment-closed'
  | 'queued'
  | 'analysis-started'
  | 'analysed'
  | 'decided'
  | 'fast-cut-started'
  | 'fast-cut'
  | 'fast-visible'
  | 'exact-cut-started'
  | 'exact-cut'
  | 'exact-visible';

export interface Waterfall {
  clipId: string;
  momentId: string;
  steps: { step: WaterfallStep; atMs: number; sinceHappenedMs: number; instanceId?: string }[];
}

export interface DeskEvent {
  id: number;
  atMs: number;
  kind: DeskEventKind;
  channelId: string | null;
  runId: string | null;
  /** What it is about: the id of a segment, moment, clip, key or job. */
  subjectId: string | null;
  data: Record<string, unknown>;
  /** Who did it; null: it came about by itself. */
  by: Actor | null;
}

export type DeskEventKind =
  | 'clip.context'
  | 'clip.edited'
  | 'moment.claimed'
  | 'account.signed-in'
  | 'account.changed'
  | 'webhook.changed'
  | 'link.changed'
  | 'fixture.changed'
  | 'scaling.changed'
  | 'channel.changed'
  | 'channel.health'
  | 'run.started'
  | 'run.ended'
  | 'run.finished'
  | 'segment.stored'
  | 'segment.analysed'
  | 'segment.late'
  | 'segment.dead'
  | 'moment.found'
  | 'moment.revised'
  | 'moment.withdrawn'
  | 'moment.decided'
  | 'clip.visible'
  | 'clip.failed';

export interface ReadinessCheck {
  name: 'database' | 'queue' | 'store' | 'disk' | 'ffmpeg' | 'ingest' | 'workers';
  isOk: boolean;
  /** What is wrong and how to mend it; what was seen when all is well. */
  message: string;
  tookMs: number;
}

export interface MetricFamily {
  /** `touchline_...`, base units, `_total` for counters. */
  name: string;
  help: string;
  type: 'gauge' | 'counter' | 'histogram';
  samples: { suffix?: '_bucket' | '_sum' | '_count'; labels: Record<string, string>; value: number }[];
}
