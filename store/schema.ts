import type { ColumnType, Generated } from 'kysely';

import type { Actor } from '../core/actor.ts';
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
  share_links: ShareLinksTable;
  clip_links: ClipLinksTable;
  driver_records: DriverRecordsTable;
  runs: RunsTable;
  segments: SegmentsTable;
  jobs: JobsTable;
  results: ResultsTable;
  moments: MomentsTable;
  clips: ClipsTable;
  events: EventsTable;
  workers: WorkersTable;
  machines: MachinesTable;
  scaling_decisions: ScalingDecisionsTable;
  scaling_lease: ScalingLeaseTable;
  scaling_overrides: ScalingOverridesTable;
  fixtures: FixturesTable;
  users: UsersTable;
  sessions: SessionsTable;
  login_links: LoginLinksTable;
  api_tokens: ApiTokensTable;
  idempotency: IdempotencyTable;
  edits: EditsTable;
  contexts: ContextsTable;
  webhooks: WebhooksTable;
  webhook_cursor: WebhookCursorTable;
  webhook_deliveries: WebhookDeliveriesTable;
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
  /** The link whose page shows it, and whose secret it follows from. */
  share_link_id: ColumnType<string | null, string | undefined, never>;
  issued_by: By;
  revoked_by: By;
}

/** The contributor's page of a channel, for whoever has its address. */
interface ShareLinksTable {
  id: string;
  channel_id: string;
  /** For whom it was made. */
  label: string;
  /** SHA-256 of the secret in the address, which has 128 random bits. */
  hash: Buffer;
  created_at_ms: number;
  expires_at_ms: number;
  revoked_at_ms: number | null;
  last_used_at_ms: number | null;
  made_by: By;
  revoked_by: By;
}

/** Addresses that play one clip for people without an account. */
interface ClipLinksTable {
  id: string;
  clip_id: string;
  /** SHA-256 of the secret in the address, which has 128 random bits. */
  hash: Buffer;
  made_by: Actor;
  created_at_ms: number;
  expires_at_ms: number;
  revoked_at_ms: number | null;
  last_used_at_ms: number | null;
  revoked_by: By;
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
  /** Of the delivery that ended it: the worker's log names it too. */
  request_id: string | null;
  /** Time in a worker's slot, all of it the device's on a GPU machine with one slot. */
  work_ms: number | null;
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
  /** `hand`: made by a person; the director knows nothing of it. */
  source: Generated<'model' | 'hand'>;
  title: Generated<string>;
  tags: ColumnType<string[], string | undefined, string>;
  /** For people: a name. */
  decided_by: ColumnType<string | null, string | null | undefined, string | null>;
  decided_actor: By;
  edit_version: Generated<number>;
  cut_version: Generated<number>;
  edited_in_ms: ColumnType<number | null, number | null | undefined, number | null>;
  edited_out_ms: ColumnType<number | null, number | null | undefined, number | null>;
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
  /** Of the edit that is shown. */
  edit_version: Generated<number>;
}

interface EventsTable {
  id: Generated<number>;
  at_ms: number;
  kind: string;
  channel_id: string | null;
  run_id: string | null;
  subject_id: string | null;
  data: Json<Record<string, unknown>>;
  /** Null: nobody, it came about by itself. */
  actor: By;
}

/** Each worker process, as its last beat told. */
interface WorkersTable {
  worker_id: string;
  instance_id: string;
  slots: Json<{ analyse: number; cut: number }>;
  job_ids: Json<string[]>;
  state: 'working' | 'draining' | 'drained';
  /** Ascends with each beat of this worker: queues may turn them round. */
  beat_number: number;
  started_at_ms: number;
  /** By our clock. */
  last_beat_at_ms: number;
  last_completed_at_ms: number | null;
  completed_count: number;
  throughput: number;
  clock_skew_ms: number;
  is_device_ok: boolean;
}

/** Machines as their provider launched them: how long they take to be of use is measured on them. */
interface MachinesTable {
  instance_id: string;
  pool: string;
  launched_at_ms: number;
  first_completed_at_ms: number | null;
}

interface ScalingDecisionsTable {
  id: Generated<number>;
  at_ms: number;
  provider: string;
  needed_count: number;
  desired_count: number;
  reason: string;
  decision: Json<unknown>;
  outcomes: Json<unknown>;
  /** Every input; null where nothing had changed since the last one that has it. */
  snapshot: ColumnType<unknown, string | null, never>;
}

interface ScalingLeaseTable {
  is_one: Generated<boolean>;
  holder: string;
  expires_at_ms: number;
}

interface ScalingOverridesTable {
  is_one: Generated<boolean>;
  pin_count: number | null;
  pin_until_ms: number | null;
  is_in_paused: boolean;
  is_out_paused: boolean;
  changed_at_ms: number;
  changed_by: By;
}

interface FixturesTable {
  id: string;
  name: string;
  channel_name: string | null;
  kick_off_at_ms: number;
  length_ms: number;
  priority: number;
  /** `api`, `cli`, or the name of the calendar it came from. */
  source: string;
  source_uid: string;
  created_at_ms: number;
  cancelled_at_ms: number | null;
  /** A calendar that still has it does not bring it back. */
  is_cancelled_by_hand: Generated<boolean>;
  created_by: By;
  cancelled_by: By;
}

interface UsersTable {
  id: string;
  name: string;
  role: 'viewer' | 'editor' | 'operator' | 'admin';
  /** scrypt with its salt and costs; null until one was chosen. */
  password_hash: string | null;
  created_at_ms: number;
  disabled_at_ms: number | null;
}

/** SHA-256 of what the browser holds: whoever reads the table cannot go in. */
interface SessionsTable {
  hash: Buffer;
  id: string;
  user_id: string;
  agent: string;
  created_at_ms: number;
  last_seen_at_ms: number;
}

interface LoginLinksTable {
  hash: Buffer;
  user_id: string | null;
  /** It asks for no password: a demonstration. */
  is_direct: boolean;
  created_at_ms: number;
  expires_at_ms: number;
}

interface ApiTokensTable {
  id: string;
  /** Who made it: it never may more than they. Null = the owner of the server. */
  user_id: string | null;
  name: string;
  scopes: Json<string[]>;
  hash: Buffer;
  created_at_ms: number;
  expires_at_ms: number | null;
  last_used_at_ms: number | null;
  revoked_at_ms: number | null;
  revoked_by: By;
}

/** What a POST with an Idempotency-Key came to; `status` is null while it is being done. */
interface IdempotencyTable {
  principal_id: string;
  key: string;
  request_hash: Buffer;
  status: number | null;
  /** Null where the answer held a secret, which is shown once. */
  body: string | null;
  created_at_ms: number;
  /** When it was taken up again after its server had died in between. */
  taken_at_ms: number | null;
}

/** What an editor wanted of a clip, one row for each time it was saved. Ticks of the run's 90 kHz clock. */
interface EditsTable {
  clip_id: string;
  version: number;
  what: 'saved' | 'reset' | 'made' | 'recut';
  in90k: number;
  out90k: number;
  crop_vertical: number;
  crop_square: number;
  title: string;
  tags: Json<string[]>;
  actor: Actor;
  at_ms: number;
}

interface ContextsTable {
  id: string;
  clip_id: string;
  state: 'making' | 'ready' | 'failed';
  why: string | null;
  sidecar: ColumnType<ClipSidecar | null, string | null, string>;
  asked_at_ms: number;
}

interface WebhooksTable {
  id: string;
  url: string;
  description: string;
  event_types: Json<string[]>;
  is_enabled: boolean;
  /** Why it was turned off; null when a person did it, or when it is on. */
  disabled_why: string | null;
  /** Sealed: `control/webhooks/secret-box.ts`. */
  secret: Buffer;
  old_secret: Buffer | null;
  old_secret_until_ms: number | null;
  after_event_id: number;
  failing_since_ms: number | null;
  created_at_ms: number;
  created_by: By;
  changed_by: By;
  changed_at_ms: ColumnType<number | null, number | undefined, number>;
}

interface WebhookCursorTable {
  is_only: Generated<boolean>;
  event_id: number;
}

interface WebhookDeliveriesTable {
  id: string;
  ordinal: Generated<number>;
  webhook_id: string;
  type: string;
  body: string;
  state: 'waiting' | 'delivered' | 'failed';
  tries: Generated<number>;
  next_at_ms: number;
  leased_until_ms: Generated<number>;
  created_at_ms: number;
  last_at_ms: ColumnType<number | null, number | null | undefined, number>;
  /** HTTP status of the last answer; null when none came. */
  status: ColumnType<number | null, number | null | undefined, number | null>;
  took_ms: ColumnType<number | null, number | null | undefined, number>;
  answer: ColumnType<string | null, string | null | undefined, string | null>;
  /** Why the last try failed. */
  why: ColumnType<string | null, string | null | undefined, string | null>;
}

type Json<T> = ColumnType<T, string, string>;
/** Who did it; null where that was not written down, or nobody did. */
type By = ColumnType<Actor | null, Actor | null | undefined, Actor | null>;
