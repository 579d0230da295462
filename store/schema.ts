import type { ColumnType, Generated } from 'kysely';

import type { ClipMade, ClipRevision, ClipSidecar } from '../core/clip.ts';
import type { Job } from '../core/jobs.ts';
import type { Reason, Signal, Spot } from '../core/moment.ts';
import type { SegmentRecord } from '../core/segment.ts';

/**
 * The tables of the catalogue, as `migrations.ts` makes them. Times are whole ms since 1970 in `bigint`, because the rest
 * of the house counts so; the pool brings them back as numbers. JSON goes in as text and comes out parsed.
 */
export interface Tables {
  channels: ChannelsTable;
  channel_keys: ChannelKeysTable;
  driver_records: DriverRecordsTable;
  runs: RunsTable;
  segments: SegmentsTable;
  jobs: JobsTable;
  results: ResultsTable;
  moments: MomentsTable;
  clips: ClipsTable;
  events: EventsTable;
}

/** `stored`, `queued` and `analysed` are on the way; the other three are final. */
export type SegmentState = 'stored' | 'queued' | 'analysed' | 'clip' | 'no-clip' | 'dead';

/**
 * `found`: a cut is on its way; `fast` and `exact`: that revision of the clip is there; `failed`: it could not be cut;
 * `withdrawn`: later evidence took it back.
 */
export type MomentState = 'found' | 'fast' | 'exact' | 'failed' | 'withdrawn';

export type Decision = 'undecided' | 'approved' | 'rejected';

/** `sent`: waiting to be put on the queue (`queued_at_ms` is null), on it, or in a worker's hands. */
export type JobState = 'sent' | 'done' | 'dead';

interface ChannelsTable {
  id: string;
  name: string;
  sport: string;
  segment_ms: number;
  state: string;
  state_reason: string | null;
  /** Should it accept a feed? Survives a restart, unlike `state`. */
  is_wanted: boolean;
  run_id: string | null;
  created_at_ms: number;
  /** Who captures it: `local`, or another that the server has. */
  driver: Generated<string>;
  /** How the feed comes in, as that driver understands it. */
  input: ColumnType<unknown, string | null | undefined, string | null>;
}

/** What a driver has to know after a restart. Its content is the driver's alone. */
interface DriverRecordsTable {
  driver: string;
  channel_id: string;
  /** Of the last write: the next one names it, so of two writers one loses. */
  version: number;
  record: Json<unknown>;
}

interface ChannelKeysTable {
  id: string;
  channel_id: string;
  /** SHA-256 of the whole key. The key has 128 random bits, so nothing slower is needed to keep it from being guessed. */
  hash: Buffer;
  created_at_ms: number;
  revoked_at_ms: number | null;
}

interface RunsTable {
  id: string;
  channel_id: string;
  sport: string;
  start_wall_ms: number;
  /** Set together when the run ends: then no further segment is expected beyond `segment_count`. */
  ended_at_ms: number | null;
  why: string | null;
  segment_count: number | null;
  /** What a person should know of the run. */
  notes: ColumnType<string[], string | undefined, string>;
  /** Everything of it is terminal. */
  finished_at_ms: number | null;
}

interface SegmentsTable {
  id: string;
  run_id: string;
  channel_id: string;
  seq: number;
  state: SegmentState;
  dead_reason: string | null;
  record: Json<SegmentRecord>;
  stored_at_ms: number;
  queued_at_ms: number | null;
  analysed_at_ms: number | null;
  terminal_at_ms: number | null;
  /** How often a person has sent it through again. */
  retry_count: Generated<number>;
  /** The pass on its candidate windows was asked for. */
  is_fine_sent: Generated<boolean>;
}

/** Every job that was ever wanted. It is the outbox as well: what is `sent` and not queued has to be put on the queue. */
interface JobsTable {
  id: string;
  /** Ascends in the order of sending. */
  ordinal: Generated<number>;
  kind: string;
  /** `coarse` or `fine`; `fast`, `exact` or `whole`. */
  variant: string;
  channel_id: string;
  run_id: string;
  /** The segment or clip that it is about. */
  subject_id: string;
  state: JobState;
  dead_reason: string | null;
  /** What goes on the queue; forgotten once the job is over. */
  payload: ColumnType<Job | null, string, null>;
  deadline_at_ms: number;
  created_at_ms: number;
  queued_at_ms: number | null;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  attempt: number | null;
  instance_id: string | null;
  worker_id: string | null;
}

interface ResultsTable {
  job_id: string;
  run_id: string;
  segment_id: string;
  pass: string;
  signals: Json<Signal[]>;
  spots: Json<Spot[]>;
}

interface MomentsTable {
  id: string;
  /** Ascends in the order of finding: listings page on it. */
  ordinal: Generated<number>;
  channel_id: string;
  run_id: string;
  clip_id: string;
  label: string;
  peak_ms: number;
  in_ms: number;
  out_ms: number;
  score: number;
  reasons: Json<Reason[]>;
  revision: number;
  state: MomentState;
  state_reason: string | null;
  decision: Decision;
  decided_at_ms: number | null;
  found_at_ms: number;
  peak_wall_ms: number;
}

interface ClipsTable {
  id: string;
  ordinal: Generated<number>;
  moment_id: string;
  channel_id: string;
  run_id: string;
  revision: ClipRevision;
  made: ClipMade;
  proven: boolean;
  sidecar: Json<ClipSidecar>;
  /** The job that made what is shown now. */
  job_id: string;
  first_visible_at_ms: number;
  exact_visible_at_ms: number | null;
  visible_at_ms: number;
}

interface EventsTable {
  id: Generated<number>;
  at_ms: number;
  kind: string;
  channel_id: string | null;
  run_id: string | null;
  subject_id: string | null;
  data: Json<Record<string, unknown>>;
}

type Json<T> = ColumnType<T, string, string>;
