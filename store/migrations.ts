/**
 * How the catalogue came to be, oldest first. Forward only: what has been released is never edited, a change is a new
 * entry. Each runs once, in a transaction of its own.
 */
export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'the ledger',
    sql: `
create table channels (
  id text primary key,
  name text not null,
  sport text not null,
  segment_ms integer not null,
  state text not null,
  state_reason text,
  is_wanted boolean not null,
  run_id text,
  created_at_ms bigint not null
);
create unique index channels_name on channels (name) where state <> 'deleted';

create table channel_keys (
  id text primary key,
  channel_id text not null references channels,
  hash bytea not null,
  created_at_ms bigint not null,
  revoked_at_ms bigint
);
create index channel_keys_channel on channel_keys (channel_id) where revoked_at_ms is null;

create table runs (
  id text primary key,
  channel_id text not null references channels,
  sport text not null,
  start_wall_ms bigint not null,
  ended_at_ms bigint,
  why text,
  segment_count integer,
  finished_at_ms bigint,
  check ((ended_at_ms is null) = (segment_count is null))
);
create index runs_channel on runs (channel_id, start_wall_ms desc);
create index runs_newest on runs (start_wall_ms desc);
create index runs_unfinished on runs (id) where finished_at_ms is null;

create table segments (
  id text primary key,
  run_id text not null references runs,
  channel_id text not null,
  seq integer not null,
  state text not null check (state in ('stored', 'queued', 'analysed', 'clip', 'no-clip', 'dead')),
  dead_reason text,
  record jsonb not null,
  stored_at_ms bigint not null,
  queued_at_ms bigint,
  analysed_at_ms bigint,
  terminal_at_ms bigint,
  retry_count integer not null default 0,
  is_fine_sent boolean not null default false,
  unique (run_id, seq),
  check ((state = 'dead') = (dead_reason is not null)),
  check ((state in ('clip', 'no-clip', 'dead')) = (terminal_at_ms is not null))
);
create index segments_open on segments (run_id) where state in ('stored', 'queued', 'analysed');
create index segments_dead on segments (terminal_at_ms desc) where state = 'dead';

create table jobs (
  id text primary key,
  ordinal bigserial not null,
  kind text not null,
  variant text not null,
  channel_id text not null,
  run_id text not null references runs,
  subject_id text not null,
  state text not null check (state in ('sent', 'done', 'dead')),
  dead_reason text,
  payload jsonb,
  deadline_at_ms bigint not null,
  created_at_ms bigint not null,
  queued_at_ms bigint,
  started_at_ms bigint,
  finished_at_ms bigint,
  attempt integer,
  instance_id text,
  worker_id text
);
-- Depth and oldest age are read every few seconds: they touch what is open, not what ever was.
create index jobs_open on jobs (kind, created_at_ms) where state = 'sent';
create index jobs_outbox on jobs (ordinal) where state = 'sent' and queued_at_ms is null;
create index jobs_run_open on jobs (run_id) where state = 'sent';
create index jobs_subject on jobs (subject_id);
create index jobs_finished on jobs (finished_at_ms desc) where finished_at_ms is not null;

create table results (
  job_id text primary key references jobs,
  run_id text not null,
  segment_id text not null references segments,
  pass text not null,
  signals jsonb not null,
  spots jsonb not null
);
create index results_run on results (run_id);
create index results_segment on results (segment_id);

create table moments (
  id text primary key,
  ordinal bigserial not null,
  channel_id text not null,
  run_id text not null references runs,
  clip_id text not null unique,
  label text not null,
  peak_ms integer not null,
  in_ms integer not null,
  out_ms integer not null,
  score double precision not null,
  reasons jsonb not null,
  revision integer not null,
  state text not null check (state in ('found', 'fast', 'exact', 'failed', 'withdrawn')),
  state_reason text,
  decision text not null check (decision in ('undecided', 'approved', 'rejected')),
  decided_at_ms bigint,
  found_at_ms bigint not null,
  peak_wall_ms bigint not null
);
create unique index moments_newest on moments (ordinal desc);
create index moments_run on moments (run_id, ordinal desc);
create index moments_channel on moments (channel_id, ordinal desc);
create index moments_undecided on moments (ordinal desc) where decision = 'undecided';

create table clips (
  id text primary key,
  ordinal bigserial not null,
  moment_id text not null unique references moments,
  channel_id text not null,
  run_id text not null references runs,
  revision text not null,
  made text not null,
  proven boolean not null,
  sidecar jsonb not null,
  job_id text not null references jobs,
  first_visible_at_ms bigint not null,
  exact_visible_at_ms bigint,
  visible_at_ms bigint not null
);
create unique index clips_newest on clips (ordinal desc);
create index clips_run on clips (run_id, ordinal desc);
create index clips_channel on clips (channel_id, ordinal desc);

create table events (
  id bigserial primary key,
  at_ms bigint not null,
  kind text not null,
  channel_id text,
  run_id text,
  subject_id text,
  data jsonb not null
);
`,
  },
  {
    version: 2,
    name: 'drivers of channels',
    sql: `
alter table channels add column driver text not null default 'local', add column input jsonb;

-- No reference to channels: a driver may have to give things back after the channel is gone.
create table driver_records (
  driver text not null,
  channel_id text not null,
  version bigint not null,
  record jsonb not null,
  primary key (driver, channel_id)
);
`,
  },
  {
    version: 3,
    name: 'notes on runs',
    sql: `alter table runs add column notes jsonb not null default '[]';`,
  },
  {
    version: 4,
    name: 'the fleet',
    sql: `
alter table jobs add column request_id text, add column work_ms bigint;
-- What waits and what came in lately, counted without a look into the table itself.
create index jobs_waiting on jobs (kind, variant, created_at_ms) include (id) where state = 'sent';
create index jobs_arrived on jobs (created_at_ms) include (kind, variant);
create index jobs_served on jobs (finished_at_ms desc) include (kind, variant, work_ms, channel_id, created_at_ms)
  where finished_at_ms is not null;
drop index jobs_finished;
drop index jobs_open;

create table workers (
  worker_id text primary key,
  instance_id text not null,
  slots jsonb not null,
  job_ids jsonb not null,
  state text not null check (state in ('working', 'draining', 'drained')),
  beat_number bigint not null,
  started_at_ms bigint not null,
  last_beat_at_ms bigint not null,
  last_completed_at_ms bigint,
  completed_count bigint not null,
  throughput double precision not null,
  clock_skew_ms bigint not null,
  is_device_ok boolean not null
);
create index workers_heard on workers (last_beat_at_ms);

create table machines (
  instance_id text primary key,
  pool text not null,
  launched_at_ms bigint not null,
  first_completed_at_ms bigint
);
create index machines_booted on machines (launched_at_ms desc) where first_completed_at_ms is not null;

create table scaling_decisions (
  id bigserial primary key,
  at_ms bigint not null,
  provider text not null,
  needed_count integer not null,
  desired_count integer not null,
  reason text not null,
  decision jsonb not null,
  outcomes jsonb not null,
  snapshot jsonb
);
create index scaling_decisions_at on scaling_decisions (at_ms desc);

-- One row each: of several controllers one acts, and an operator's word goes before what is computed.
create table scaling_lease (
  is_one boolean primary key default true check (is_one),
  holder text not null,
  expires_at_ms bigint not null
);
create table scaling_overrides (
  is_one boolean primary key default true check (is_one),
  pin_count integer,
  pin_until_ms bigint,
  is_in_paused boolean not null,
  is_out_paused boolean not null,
  changed_at_ms bigint not null,
  check ((pin_count is null) = (pin_until_ms is null))
);

create table fixtures (
  id text primary key,
  name text not null,
  -- By its name, for a fixture may be known before its channel is made.
  channel_name text,
  kick_off_at_ms bigint not null,
  length_ms bigint not null,
  priority integer not null,
  source text not null,
  source_uid text not null,
  created_at_ms bigint not null,
  cancelled_at_ms bigint,
  unique (source, source_uid)
);
create index fixtures_kick_off on fixtures (kick_off_at_ms);
`,
  },
  {
    version: 5,
    name: 'accounts',
    sql: `
create table users (
  id text primary key,
  name text not null,
  role text not null check (role in ('viewer', 'editor', 'operator', 'admin')),
  password_hash text,
  created_at_ms bigint not null,
  disabled_at_ms bigint
);
-- "Ana" and "ana" are one person to whoever types it.
create unique index users_name on users (lower(name));

create table sessions (
  hash bytea primary key,
  id text not null unique,
  user_id text not null references users,
  agent text not null,
  created_at_ms bigint not null,
  last_seen_at_ms bigint not null
);
create index sessions_user on sessions (user_id);

-- A link without a user makes the first account.
create table login_links (
  hash bytea primary key,
  user_id text references users,
  is_direct boolean not null,
  created_at_ms bigint not null,
  expires_at_ms bigint not null
);

create table api_tokens (
  id text primary key,
  user_id text references users,
  name text not null,
  scopes jsonb not null,
  hash bytea not null,
  created_at_ms bigint not null,
  expires_at_ms bigint,
  last_used_at_ms bigint,
  revoked_at_ms bigint
);

create table idempotency (
  principal_id text not null,
  key text not null,
  request_hash bytea not null,
  status integer,
  body text,
  created_at_ms bigint not null,
  primary key (principal_id, key)
);
create index idempotency_old on idempotency (created_at_ms);
`,
  },
  {
    version: 6,
    name: 'editing',
    sql: `
alter table moments
  add column source text not null default 'model' check (source in ('model', 'hand')),
  add column title text not null default '',
  add column tags jsonb not null default '[]',
  add column decided_by text,
  -- 0: as the model cuts it. From the first edit on the director leaves the clip alone.
  add column edit_version integer not null default 0,
  -- The version at which what is cut changed last: a rendition of an older one is stale.
  add column cut_version integer not null default 0,
  -- What the editor wants; in_ms and out_ms stay the model's.
  add column edited_in_ms double precision,
  add column edited_out_ms double precision;
create index moments_review on moments (decision, score desc, ordinal desc) where state <> 'withdrawn';
alter table clips add column edit_version integer not null default 0;

create table edits (
  clip_id text not null,
  version integer not null,
  what text not null check (what in ('saved', 'reset', 'made')),
  in90k bigint not null,
  out90k bigint not null,
  crop_vertical double precision not null,
  crop_square double precision not null,
  title text not null,
  tags jsonb not null,
  by_id text not null,
  by_name text not null,
  at_ms bigint not null,
  primary key (clip_id, version)
);

-- A clip with what lies around it, to trim in; made when somebody opens it.
create table contexts (
  id text primary key,
  clip_id text not null,
  state text not null check (state in ('making', 'ready', 'failed')),
  why text,
  sidecar jsonb,
  asked_at_ms bigint not null
);
`,
  },
  {
    version: 7,
    name: 'share links',
    sql: `
create table share_links (
  id text primary key,
  channel_id text not null references channels,
  label text not null,
  hash bytea not null unique,
  created_at_ms bigint not null,
  expires_at_ms bigint not null,
  revoked_at_ms bigint,
  last_used_at_ms bigint
);
create index share_links_channel on share_links (channel_id, created_at_ms desc);
-- The key that a link shows: its bits follow from the link's own secret, so that neither can be read here.
alter table channel_keys add column share_link_id text references share_links;
`,
  },
  {
    version: 8,
    name: 'fixtures called off by hand',
    sql: `
alter table fixtures add column is_cancelled_by_hand boolean not null default false;
`,
  },
  {
    version: 9,
    name: 'webhooks',
    sql: `
create table webhooks (
  id text primary key,
  url text not null,
  description text not null,
  event_types jsonb not null,
  is_enabled boolean not null,
  -- Null when a person turned it off.
  disabled_why text,
  -- Sealed with a key that is not in this database: signing needs the secret itself, so a hash would not do.
  secret bytea not null,
  old_secret bytea,
  old_secret_until_ms bigint,
  -- What happened up to here is not for it.
  after_event_id bigint not null,
  failing_since_ms bigint,
  created_at_ms bigint not null
);

-- How far the events have been turned into deliveries.
create table webhook_cursor (
  is_only boolean primary key default true check (is_only),
  event_id bigint not null
);
insert into webhook_cursor (event_id) values (0);

create table webhook_deliveries (
  id text primary key,
  ordinal bigint generated always as identity,
  webhook_id text not null references webhooks on delete cascade,
  type text not null,
  -- The very bytes that are signed.
  body text not null,
  state text not null check (state in ('waiting', 'delivered', 'failed')),
  tries integer not null default 0,
  next_at_ms bigint not null,
  -- Whoever sends it holds it until then; the number of the lease tells a late word from a right one.
  leased_until_ms bigint not null default 0,
  created_at_ms bigint not null,
  last_at_ms bigint,
  status integer,
  took_ms integer,
  answer text,
  why text
);
create index webhook_deliveries_due on webhook_deliveries (next_at_ms) where state = 'waiting';
create index webhook_deliveries_log on webhook_deliveries (webhook_id, ordinal desc);
`,
  },
  {
    version: 10,
    name: 'clip links',
    sql: `
-- Addresses that play one clip without an account. Of the secret in the address only the hash is here.
create table clip_links (
  id text primary key,
  clip_id text not null references clips,
  hash bytea not null unique,
  by_id text not null,
  by_name text not null,
  created_at_ms bigint not null,
  expires_at_ms bigint not null,
  revoked_at_ms bigint,
  last_used_at_ms bigint
);
create index clip_links_clip on clip_links (clip_id, created_at_ms desc);
`,
  },
  {
    version: 11,
    name: 'who did it',
    sql: `
-- Everywhere in one form: kind, id, and the name that they had then. Null: from before this step, or done by the server on its own.
alter table events add column actor jsonb;
-- decided_by stays the name, which older rows have alone.
alter table moments add column decided_actor jsonb;
alter table channel_keys add column issued_by jsonb, add column revoked_by jsonb;
alter table share_links add column made_by jsonb, add column revoked_by jsonb;
alter table webhooks add column created_by jsonb, add column changed_by jsonb, add column changed_at_ms bigint;
alter table fixtures add column created_by jsonb, add column cancelled_by jsonb;
alter table scaling_overrides add column changed_by jsonb;
alter table api_tokens add column revoked_by jsonb;

alter table clip_links add column made_by jsonb, add column revoked_by jsonb;
alter table edits add column actor jsonb;
-- What kind somebody is shows in their id.
update clip_links set made_by = jsonb_build_object('kind', case when by_id = 'server' then 'server' when by_id like 'usr!_%' escape '!' then 'user' else 'token' end,
  'id', by_id, 'name', by_name);
update edits set actor = jsonb_build_object('kind', case when by_id = 'server' then 'server' when by_id like 'usr!_%' escape '!' then 'user' else 'token' end,
  'id', by_id, 'name', by_name);
alter table clip_links alter column made_by set not null, drop column by_id, drop column by_name;
alter table edits alter column actor set not null, drop column by_id, drop column by_name;
`,
  },
  {
    version: 12,
    name: 'dead cuts',
    sql: `
-- A cut that died, wanted again unchanged, is a version of its own.
alter table edits drop constraint edits_what_check,
  add constraint edits_what_check check (what in ('saved', 'reset', 'made', 'recut'));
-- What an operator looks at every few seconds; few of many.
create index jobs_dead on jobs (finished_at_ms desc) where state = 'dead';
`,
  },
  {
    version: 13,
    name: 'unsure requests',
    sql: `
-- A request whose server died may come again; created_at_ms stays when it came first.
alter table idempotency add column taken_at_ms bigint;
`,
  },
];

export interface Migration {
  /** 1, 2, 3, ... without gaps. */
  version: number;
  name: string;
  /** Plain SQL, several statements. */
  sql: string;
}
