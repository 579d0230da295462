import { sql, type Kysely, type Selectable } from 'kysely';

import { sidecarKey } from '../core/clip.ts';
import { TouchlineError } from '../core/errors.ts';
import { msFromTicks } from '../core/media-time.ts';
import type { RunEnd } from '../ingest/channel.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Tables } from '../store/schema.ts';
import type {
  ClipFilter,
  ClipView,
  DeadFilter,
  MomentFilter,
  MomentView,
  RenditionView,
  RunFilter,
  RunReport,
  RunView,
  SegmentCounts,
  SegmentView,
  Waterfall,
  WaterfallStep,
} from './match-desk.ts';
import { cursorOf, pageOf, readCursor, readTimeCursor } from './page-cursor.ts';

/** A page of 200 rows is more than anybody reads at once, and 1000 what a script may ask for. */
const limitDefault = 200;
const limitMax = 1000;

type Db = Kysely<Tables>;

/** The ledger as people see it. Every listing reads along an index and has an end. */
export class LedgerViews {
  readonly #db: Db;
  readonly #store: Pick<ObjectStore, 'localPath'>;

  constructor(options: { db: Db; store: Pick<ObjectStore, 'localPath'> }) {
    this.#db = options.db;
    this.#store = options.store;
  }

  async listRuns(filter: RunFilter): Promise<{ runs: RunView[]; next: string | null }> {
    const { channelId, cursor } = filter;
    const limit = limitOf(filter);
    let query = this.#db
      .selectFrom('runs')
      .selectAll()
      .orderBy('start_wall_ms', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1);
    if (channelId !== undefined) query = query.where('channel_id', '=', channelId);
    if (cursor !== undefined) {
      const { atMs, id } = readTimeCursor('runs', cursor);
      query = query.where(sql<boolean>`(start_wall_ms, id) < (${atMs}, ${id})`);
    }
    const { rows, next } = pageOf(await query.execute(), limit, (row) =>
      cursorOf('runs', [row.start_wall_ms, row.id]),
    );
    return { runs: await this.#runViews(rows), next };
  }

  async getRun(runId: string): Promise<RunView> {
    const row = await this.#db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirst();
    const [run] = await this.#runViews(row ? [row] : []);
    return run ?? notFound('run', runId);
  }

  async listSegments(filter: { runId: string; afterSeq?: number; limit?: number }): Promise<SegmentView[]> {
    const rows = await this.#db
      .selectFrom('segments')
      .selectAll()
      .where('run_id', '=', filter.runId)
      .where('seq', '>', filter.afterSeq ?? -1)
      .orderBy('seq')
      .limit(limitOf(filter))
      .execute();
    return await this.#segmentViews(rows);
  }

  async listDead(filter: DeadFilter): Promise<{ segments: SegmentView[]; next: string | null }> {
    const { runId, cursor } = filter;
    const limit = limitOf(filter);
    let query = this.#db
      .selectFrom('segments')
      .selectAll()
      .where('state', '=', 'dead')
      .orderBy('terminal_at_ms', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1);
    if (runId !== undefined) query = query.where('run_id', '=', runId);
    if (cursor !== undefined) {
      const { atMs, id } = readTimeCursor('dead', cursor);
      query = query.where(sql<boolean>`(terminal_at_ms, id) < (${atMs}, ${id})`);
    }
    const { rows, next } = pageOf(await query.execute(), limit, (row) =>
      cursorOf('dead', [row.terminal_at_ms ?? 0, row.id]),
    );
    return { segments: await this.#segmentViews(rows), next };
  }

  async listMoments(filter: MomentFilter): Promise<{ moments: MomentView[]; next: string | null }> {
    const { channelId, runId, decision, minScore, cursor } = filter;
    const limit = limitOf(filter);
    let query = this.#moments()
      .orderBy('moments.ordinal', 'desc')
      .limit(limit + 1);
    if (channelId !== undefined) query = query.where('moments.channel_id', '=', channelId);
    if (runId !== undefined) query = query.where('moments.run_id', '=', runId);
    if (decision !== undefined) query = query.where('moments.decision', '=', decision);
    if (minScore !== undefined) query = query.where('moments.score', '>=', minScore);
    if (cursor !== undefined) query = query.where('moments.ordinal', '<', ordinalIn('moments', cursor));
    const { rows, next } = pageOf(await query.execute(), limit, ({ ordinal }) =>
      cursorOf('moments', [ordinal]),
    );
    return { moments: await this.#withClips(rows), next };
  }

  async getMoment(momentId: string): Promise<MomentView> {
    const row = await this.#moments().where('moments.id', '=', momentId).executeTakeFirst();
    const [moment] = await this.#withClips(row ? [row] : []);
    return moment ?? notFound('moment', momentId);
  }

  async listClips(filter: ClipFilter): Promise<{ clips: ClipView[]; next: string | null }> {
    const { channelId, runId, cursor } = filter;
    const limit = limitOf(filter);
    let query = this.#clips()
      .where('moments.state', '<>', 'withdrawn')
      .orderBy('clips.ordinal', 'desc')
      .limit(limit + 1);
    if (channelId !== undefined) query = query.where('clips.channel_id', '=', channelId);
    if (runId !== undefined) query = query.where('clips.run_id', '=', runId);
    if (cursor !== undefined) query = query.where('clips.ordinal', '<', ordinalIn('clips', cursor));
    const { rows, next } = pageOf(await query.execute(), limit, ({ ordinal }) =>
      cursorOf('clips', [ordinal]),
    );
    return { clips: rows.map((row) => this.#clipView(row)), next };
  }

  async getClip(clipId: string): Promise<ClipView> {
    const row = await this.#clips().where('clips.id', '=', clipId).executeTakeFirst();
    return this.#clipView(row ?? notFound('clip', clipId));
  }

  /** As `touchline ingest --json` prints it. */
  async runReport(runId: string): Promise<RunReport> {
    // Before what it counts: a run that finishes between two of these reads is told as unfinished, not with old counts.
    const row = await this.#db
      .selectFrom('runs')
      .innerJoin('channels', 'channels.id', 'runs.channel_id')
      .select(['channels.name', 'runs.finished_at_ms', 'runs.notes'])
      .where('runs.id', '=', runId)
      .executeTakeFirst();
    if (!row) return notFound('run', runId);
    const run = await this.getRun(runId);
    const moments = await this.#db
      .selectFrom('moments')
      .selectAll()
      .where('run_id', '=', runId)
      .where('state', '<>', 'withdrawn')
      .orderBy('peak_ms')
      .execute();
    const clips = await this.#clips()
      .where('clips.run_id', '=', runId)
      .where('moments.state', '<>', 'withdrawn')
      .orderBy('moments.peak_ms')
      .execute();
    const { total, clip, noClip, dead } = run.segments;
    return {
      channel: row.name,
      run: runId,
      isTerminal: row.finished_at_ms !== null,
      segments: { total, clip, noClip, dead },
      moments: moments.map(momentOf).map(({ id, label, peakMs, inMs, outMs, score, reasons, state }) => ({
        id,
        label,
        peakMs,
        inMs,
        outMs,
        score,
        reasons,
        state,
      })),
      clips: clips
        .map((clipRow) => this.#clipView(clipRow))
        .map(({ id, momentId, revision, made, proven, renditions }) => ({
          id,
          momentId,
          revision,
          made,
          proven,
          renditions: renditions.map(({ preset, key, path, bytes, durationMs, width, height }) => ({
            preset,
            key,
            ...(path === undefined ? {} : { path }),
            bytes,
            durationMs,
            width,
            height,
          })),
        })),
      notes: row.notes,
    };
  }

  async waterfall(clipId: string): Promise<Waterfall> {
    const db = this.#db;
    const moment = await db
      .selectFrom('moments')
      .selectAll()
      .where('clip_id', '=', clipId)
      .executeTakeFirst();
    if (!moment) return notFound('clip', clipId);
    const clip = await db.selectFrom('clips').selectAll().where('id', '=', clipId).executeTakeFirst();
    // The segment whose arrival completed the clip: until it closed, nobody could have cut.
    const segments = await db
      .selectFrom('segments')
      .select(['id', 'record', 'queued_at_ms', 'analysed_at_ms'])
      .where('run_id', '=', moment.run_id)
      .orderBy('seq')
      .execute();
    const last = segments.findLast(({ record }) => msFromTicks(record.start90k) < moment.out_ms);
    const looks = await jobsOf(db, last?.id ?? '');
    const cuts = await jobsOf(db, clipId);
    const look = looks.find((one) => one.variant === 'coarse');
    const fast = cuts.find((one) => one.variant === 'fast');
    const exact = cuts.find((one) => one.variant === 'exact' && one.state === 'done');

    const steps: Waterfall['steps'] = [];
    const add = (step: WaterfallStep, atMs: number | null | undefined, instanceId?: string | null): void => {
      if (atMs === null || atMs === undefined) return;
      const sinceHappenedMs = atMs - moment.peak_wall_ms;
      steps.push({ step, atMs, sinceHappenedMs, ...(instanceId ? { instanceId } : {}) });
    };
    add('happened', moment.peak_wall_ms);
    add('segment-closed', last && last.record.startWallMs + msFromTicks(last.record.duration90k));
    add('queued', last?.queued_at_ms);
    add('analysis-started', look?.started_at_ms, look?.instance_id);
    add('analysed', last?.analysed_at_ms);
    add('decided', moment.found_at_ms);
    add('fast-cut-started', fast?.started_at_ms, fast?.instance_id);
    add('fast-cut', fast?.finished_at_ms, fast?.instance_id);
    add('fast-visible', fast && clip?.first_visible_at_ms);
    add('exact-cut-started', exact?.started_at_ms, exact?.instance_id);
    add('exact-cut', exact?.finished_at_ms, exact?.instance_id);
    add('exact-visible', clip?.exact_visible_at_ms);
    return { clipId, momentId: moment.id, steps };
  }

  #moments() {
    return this.#db
      .selectFrom('moments')
      .innerJoin('channels', 'channels.id', 'moments.channel_id')
      .selectAll('moments')
      .select('channels.name as channel_name');
  }

  /** Two statements for a page, whatever its length. Only a moment that was cut has a clip to show. */
  async #withClips(
    rows: readonly (Selectable<Tables['moments']> & { channel_name: string })[],
  ): Promise<MomentView[]> {
    const cut = rows.filter(({ state }) => state === 'fast' || state === 'exact').map(({ id }) => id);
    const found = cut.length === 0 ? [] : await this.#clips().where('moments.id', 'in', cut).execute();
    const clips = new Map(found.map((row) => [row.moment_id, row]));
    return rows.map((row) => {
      const clip = clips.get(row.id);
      return { ...momentOf(row), channelName: row.channel_name, clip: clip ? this.#clipView(clip) : null };
    });
  }

  #clips() {
    return this.#db
      .selectFrom('clips')
      .innerJoin('moments', 'moments.id', 'clips.moment_id')
      .selectAll('clips')
      .select(['moments.label', 'moments.score', 'moments.decision']);
  }

  #clipView(
    row: Selectable<Tables['clips']> & Pick<Selectable<Tables['moments']>, 'label' | 'score' | 'decision'>,
  ): ClipView {
    const { sidecar } = row;
    const renditions = sidecar.renditions.map((one): RenditionView => {
      const path = this.#store.localPath(one.key);
      return { ...one, ...(path === undefined ? {} : { path }) };
    });
    return {
      id: row.id,
      momentId: row.moment_id,
      channelId: row.channel_id,
      runId: row.run_id,
      label: row.label,
      score: row.score,
      decision: row.decision,
      revision: row.revision,
      made: row.made,
      proven: row.proven,
      durationMs: renditions.find((one) => one.preset === 'wide')?.durationMs ?? 0,
      startWallMs: sidecar.startWallMs,
      notes: sidecar.notes,
      sidecarKey: sidecarKey({ channelId: row.channel_id, runId: row.run_id, clipId: row.id }),
      renditions,
      firstVisibleAtMs: row.first_visible_at_ms,
      visibleAtMs: row.visible_at_ms,
    };
  }

  /** Three statements for a page, whatever its length. */
  async #runViews(rows: readonly Selectable<Tables['runs']>[]): Promise<RunView[]> {
    if (rows.length === 0) return [];
    const ids = rows.map(({ id }) => id);
    const [segments, momentCounts, clipCounts] = await Promise.all([
      this.#countSegments(ids),
      this.#countOf('moments', ids),
      this.#countOf('clips', ids),
    ]);
    return rows.map((row) => ({
      id: row.id,
      channelId: row.channel_id,
      startWallMs: row.start_wall_ms,
      endedAtMs: row.ended_at_ms,
      why: row.why as RunEnd | null,
      segments: segments(row.id),
      momentCount: momentCounts.get(row.id) ?? 0,
      clipCount: clipCounts.get(row.id) ?? 0,
    }));
  }

  async #countOf(table: 'moments' | 'clips', runIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.#db
      .selectFrom(table)
      .select(['run_id', (expression) => expression.fn.countAll<number>().as('count')])
      .where('run_id', 'in', runIds)
      .groupBy('run_id')
      .execute();
    return new Map(rows.map((row) => [row.run_id, row.count]));
  }

  async #countSegments(runIds: readonly string[]): Promise<(runId: string) => SegmentCounts> {
    const rows = await this.#db
      .selectFrom('segments')
      .select(['run_id', 'state', (expression) => expression.fn.countAll<number>().as('count')])
      .where('run_id', 'in', runIds)
      .groupBy(['run_id', 'state'])
      .execute();
    return (runId) => {
      const own = rows.filter((row) => row.run_id === runId);
      const of = (state: string): number => own.find((row) => row.state === state)?.count ?? 0;
      return {
        total: own.reduce((sum, row) => sum + row.count, 0),
        stored: of('stored'),
        queued: of('queued'),
        analysed: of('analysed'),
        clip: of('clip'),
        noClip: of('no-clip'),
        dead: of('dead'),
      };
    };
  }

  async #segmentViews(rows: Selectable<Tables['segments']>[]): Promise<SegmentView[]> {
    if (rows.length === 0) return [];
    const jobs = await this.#db
      .selectFrom('jobs')
      .select(['subject_id', 'instance_id', 'attempt'])
      .where(
        'subject_id',
        'in',
        rows.map((row) => row.id),
      )
      .where('variant', '=', 'coarse')
      .orderBy('ordinal')
      .execute();
    return rows.map((row) => {
      const own = jobs.filter((one) => one.subject_id === row.id);
      return {
        id: row.id,
        runId: row.run_id,
        seq: row.seq,
        state: row.state,
        deadReason: row.dead_reason,
        startMs: msFromTicks(row.record.start90k),
        durationMs: msFromTicks(row.record.duration90k),
        startWallMs: row.record.startWallMs,
        bytes: row.record.bytes,
        key: row.record.key,
        storedAtMs: row.stored_at_ms,
        analysedAtMs: row.analysed_at_ms,
        instanceId: own.at(-1)?.instance_id ?? null,
        attempts: own.reduce((sum, one) => sum + (one.attempt ?? 0), 0),
      };
    });
  }
}

async function jobsOf(db: Db, subjectId: string) {
  return await db
    .selectFrom('jobs')
    .select(['variant', 'state', 'started_at_ms', 'finished_at_ms', 'instance_id'])
    .where('subject_id', '=', subjectId)
    .orderBy('ordinal')
    .execute();
}

function momentOf(row: Selectable<Tables['moments']>): Omit<MomentView, 'channelName' | 'clip'> {
  return {
    id: row.id,
    label: row.label,
    peakMs: row.peak_ms,
    inMs: row.edited_in_ms ?? row.in_ms,
    outMs: row.edited_out_ms ?? row.out_ms,
    score: row.score,
    reasons: row.reasons,
    channelId: row.channel_id,
    runId: row.run_id,
    clipId: row.clip_id,
    state: row.state,
    stateReason: row.state_reason,
    revision: row.revision,
    decision: row.decision,
    decidedAtMs: row.decided_at_ms,
    decidedBy: row.decided_actor,
    foundAtMs: row.found_at_ms,
    peakWallMs: row.peak_wall_ms,
  };
}

function ordinalIn(list: 'moments' | 'clips', cursor: string): number {
  return readCursor(list, cursor, 1)[0] ?? 0;
}

function limitOf(filter: { limit?: number }): number {
  return Math.min(limitMax, Math.max(1, filter.limit ?? limitDefault));
}

function notFound(what: 'run' | 'moment' | 'clip', id: string): never {
  throw new TouchlineError({
    code: `${what}.not-found`,
    message: `there is no ${what} "${id}"`,
    retryable: false,
    blame: 'caller',
  });
}
