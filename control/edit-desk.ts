import type { Kysely, Selectable } from 'kysely';

import type { ClipSidecar } from '../core/clip.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import { clipIdOf, digestId } from '../core/ids.ts';
import { msFromTicks, ticksFromMs, ticksPerSecond } from '../core/media-time.ts';
import type { Moment } from '../core/moment.ts';
import type { Tables } from '../store/schema.ts';
import {
  contextIdOf,
  editJobId,
  mediaOf,
  segmentsOf,
  sendContextCut,
  sendEditCut,
  type Range90k,
} from './edits/cut-jobs.ts';
import { newestCutOf } from './edits/dead-cuts.ts';
import { checkRange } from './edits/edit-rules.ts';
import type { EventLog, NewEvent } from './event-log.ts';
import { actorOf, type Principal } from './principal.ts';

type Db = Kysely<Tables>;
type MomentRow = Selectable<Tables['moments']>;

/** What an editor wants of a clip. Ticks of the run's 90 kHz clock; crops from 0 (left) to 1 (right). */
export interface EditWish extends Range90k {
  cropVertical: number;
  cropSquare: number;
  title: string;
  tags: string[];
}

export interface EditEntry extends EditWish {
  version: number;
  by: string;
  atMs: number;
  what: 'saved' | 'reset' | 'made' | 'recut';
}

export interface EditView {
  moment: MomentRow;
  wanted: EditWish;
  model: Range90k;
  /** Newest first. */
  history: EditEntry[];
  /** What is shown; undefined until something was cut. */
  sidecar: ClipSidecar | undefined;
  /** Cuts of the current edit: by stage, how each stands. */
  cuts: { stage: 'exact' | 'whole'; state: 'sent' | 'done' | 'dead'; why: string | null }[];
  /** Why the newest cut, whoever asked for it, came to nothing; undefined where it did not: only then can it be cut again. */
  deadWhy: string | undefined;
}

export interface ContextView {
  state: 'making' | 'ready' | 'failed';
  why: string | null;
  sidecar: ClipSidecar | undefined;
}

/** What lies around a clip while it is trimmed. */
const contextMs = 60_000;
const contextFreshMs = 30_000;
/** One that died is made again when it is asked for later: a page that asks at each event must not make a circle of it. */
const contextAgainMs = 10_000;
/** A file that ends sooner behind the clip is waited out: the end of a moment is what is trimmed most, and it may lie later. */
const contextRoomMs = 15_000;
const historyMax = 200;
/** A minute of live media is at most this late: ingest closes a segment within 10 s and stores it at once. */
const clipLastWaitMsMax = 15_000;
const pollMs = 250;

/** What people do to clips: trim, crop, name, take back, and make their own. Nothing of it is ever overwritten unseen. */
export class EditDesk {
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #onJobs: (runId: string) => Promise<void>;

  /** `onJobs`: cuts are in the ledger, and what is held of their run is old. */
  constructor(options: { db: Db; clock: Clock; events: EventLog; onJobs: (runId: string) => Promise<void> }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#onJobs = options.onJobs;
  }

  /** @throws `clip.not-found` */
  async read(clipId: string): Promise<EditView> {
    const moment = await momentOf(this.#db, clipId);
    const clip = await this.#db
      .selectFrom('clips')
      .select('sidecar')
      .where('id', '=', clipId)
      .executeTakeFirst();
    const history = await historyOf(this.#db, clipId);
    const jobs = await this.#db
      .selectFrom('jobs')
      .select(['id', 'state', 'dead_reason'])
      .where('id', 'in', [
        editJobId(clipId, moment.cut_version, 'exact'),
        editJobId(clipId, moment.cut_version, 'whole'),
      ])
      .execute();
    const newest = await newestCutOf(this.#db, clipId);
    return {
      moment,
      deadWhy: newest?.state === 'dead' && moment.state !== 'withdrawn' ? newest.why : undefined,
      wanted: history[0] ?? asModelCuts(moment),
      model: modelRange(moment),
      history,
      sidecar: clip?.sidecar,
      cuts: jobs.map(({ id, state, dead_reason }) => ({
        stage: id.endsWith('-whole') ? 'whole' : 'exact',
        state,
        why: dead_reason,
      })),
    };
  }

  /**
   * A new edit on top of `version`. What is shown stays until its files are there.
   *
   * @throws `edit.conflict` when somebody has saved since, `edit.invalid`, `clip.not-found`
   */
  async save(
    clipId: string,
    wish: EditWish,
    about: { version: number; by: Principal; what?: 'saved' | 'reset' },
  ): Promise<EditView> {
    const { run_id: runId } = await momentOf(this.#db, clipId);
    const nowMs = this.#clock.nowMs();
    await this.#db.transaction().execute(async (db) => {
      const row = await momentOf(db, clipId, true);
      if (row.edit_version !== about.version) throw conflict(row.edit_version, about.version);
      const [latest] = await historyOf(db, clipId, 1);
      const before = latest ?? asModelCuts(row);
      // From now on the director leaves it alone: what is still to be cut of it is cut here, even when only its name is new.
      const isCut =
        isOtherCut(before, wish) || (row.edit_version === 0 && !(await isCutWhole(db, clipId, wish)));
      if (isCut) checkRange(wish, await mediaOf(db, runId), await this.#gapsIn(db, runId, wish));
      const edit = { wish, by: about.by, what: about.what ?? 'saved', isCut };
      await this.#write(db, row, edit, nowMs);
    });
    await this.#tell(runId);
    return await this.read(clipId);
  }

  /** Back to what the model cuts, as an edit of its own: the ones before stay in the history. */
  async reset(clipId: string, about: { version: number; by: Principal }): Promise<EditView> {
    const row = await momentOf(this.#db, clipId);
    const { title, tags } = row;
    return await this.save(clipId, { ...asModelCuts(row), title, tags }, { ...about, what: 'reset' });
  }

  /**
   * Another chance for a clip whose newest cut is dead: what is wanted of it, unchanged, as a version of its own. From then on the
   * director leaves it alone, as with any edit.
   *
   * @throws `clip.conflict` when that cut is not dead, `clip.not-found`
   */
  async recut(clipId: string, by: Principal): Promise<EditView> {
    const { run_id: runId } = await momentOf(this.#db, clipId);
    const nowMs = this.#clock.nowMs();
    await this.#db.transaction().execute(async (db) => {
      // Held to the end: of two who want it at once the second finds the cut of the first.
      const row = await momentOf(db, clipId, true);
      const isWithdrawn = row.state === 'withdrawn';
      const state = isWithdrawn ? 'withdrawn' : ((await newestCutOf(db, clipId))?.state ?? 'none');
      if (state !== 'dead') throw notDead(clipId, state);
      const [latest] = await historyOf(db, clipId, 1);
      // The range was good enough to be cut before, by the director or by whoever saved it: it is not judged again.
      const wish = latest ?? asModelCuts(row);
      if ((await segmentsOf(db, runId, wish)).length === 0) throw noMedia(clipId);
      await db
        .updateTable('moments')
        .set({ state: row.state === 'failed' ? 'found' : row.state, state_reason: null })
        .where('id', '=', row.id)
        .execute();
      await this.#write(db, row, { wish, by, what: 'recut', isCut: true }, nowMs);
    });
    await this.#tell(runId);
    return await this.read(clipId);
  }

  /** What was asked for last of a clip's surroundings; undefined: nothing. */
  async newestContext(clipId: string): Promise<(ContextView & { askedAtMs: number }) | undefined> {
    const row = await this.#db
      .selectFrom('contexts')
      .selectAll()
      .where('clip_id', '=', clipId)
      .orderBy('asked_at_ms', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (!row) return undefined;
    return { state: row.state, why: row.why, sidecar: row.sidecar ?? undefined, askedAtMs: row.asked_at_ms };
  }

  /**
   * The clip with a minute on each side, made at once if it is not there. While the run goes on there is more of it each second:
   * one that holds enough is answered with at once, and a longer one is made for the next who opens the clip.
   */
  async context(clipId: string): Promise<ContextView> {
    const newest = await this.newestContext(clipId);
    const view = await this.read(clipId);
    const enough = await this.#contextAround(clipId, view.wanted);
    // Who opens the clip twice wants the same file.
    if (newest && newest.state !== 'failed' && newest.askedAtMs > this.#clock.nowMs() - contextFreshMs)
      return newest.state === 'ready' ? newest : (enough ?? newest);
    const { moment } = view;
    const { run_id: runId, channel_id: channelId } = moment;
    const media = await mediaOf(this.#db, runId);
    if (!media) return { state: 'failed', why: 'there is no media of this run', sidecar: undefined };
    const around90k = ticksFromMs(contextMs);
    const range = {
      in90k: Math.max(media.start90k, Math.min(view.wanted.in90k, view.model.in90k) - around90k),
      out90k: Math.min(media.end90k, Math.max(view.wanted.out90k, view.model.out90k) + around90k),
    };
    const contextId = contextIdOf(clipId, range);
    const nowMs = this.#clock.nowMs();
    const isNew = await this.#db.transaction().execute(async (db) => {
      const made = await db
        .insertInto('contexts')
        .values({
          id: contextId,
          clip_id: clipId,
          state: 'making',
          why: null,
          sidecar: null,
          asked_at_ms: nowMs,
        })
        .onConflict((conflict) =>
          conflict
            .column('id')
            .doUpdateSet({ state: 'making', why: null, asked_at_ms: nowMs })
            .where('contexts.state', '=', 'failed')
            .where('contexts.asked_at_ms', '<=', nowMs - contextAgainMs),
        )
        .executeTakeFirst();
      if ((made.numInsertedOrUpdatedRows ?? 0n) === 0n) return false;
      await sendContextCut(db, { channelId, runId, contextId, moment: asMoment(moment), range }, nowMs);
      return true;
    });
    if (isNew) await this.#onJobs(runId);
    const row = await this.#db
      .selectFrom('contexts')
      .selectAll()
      .where('id', '=', contextId)
      .executeTakeFirstOrThrow();
    const made = { state: row.state, why: row.why, sidecar: row.sidecar ?? undefined };
    return made.state === 'ready' ? made : (enough ?? made);
  }

  /** The newest file that is there and leaves room to trim on both sides of the cut. */
  async #contextAround(clipId: string, cut: Range90k): Promise<ContextView | undefined> {
    const rows = await this.#db
      .selectFrom('contexts')
      .select('sidecar')
      .where('clip_id', '=', clipId)
      .where('state', '=', 'ready')
      .orderBy('asked_at_ms', 'desc')
      .limit(1)
      .execute();
    const sidecar = rows[0]?.sidecar;
    if (!sidecar) return undefined;
    const room90k = ticksFromMs(contextRoomMs);
    const { in90k, out90k } = sidecar.actual;
    const isEnough = in90k <= cut.in90k && out90k >= cut.out90k + room90k;
    return isEnough ? { state: 'ready', why: null, sidecar } : undefined;
  }

  /** A clip by hand. The same stretch again is the same moment. @throws `run.not-found`, `edit.invalid` */
  async make(
    runId: string,
    wish: Range90k & { title?: string | undefined },
    by: Principal,
  ): Promise<{ momentId: string; clipId: string }> {
    const run = await this.#db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirst();
    if (!run) throw notFound('run', runId);
    const nowMs = this.#clock.nowMs();
    const id = `mom_${digestId(`hand/${run.channel_id}/${runId}/${wish.in90k}/${wish.out90k}`)}`;
    const clipId = clipIdOf(id);
    await this.#db.transaction().execute(async (db) => {
      checkRange(wish, await mediaOf(db, runId), await this.#gapsIn(db, runId, wish));
      const [inMs, outMs] = [Math.floor(msFromTicks(wish.in90k)), Math.ceil(msFromTicks(wish.out90k))];
      const peakMs = Math.round((inMs + outMs) / 2);
      const title = wish.title ?? '';
      const made = await db
        .insertInto('moments')
        .values({
          id,
          channel_id: run.channel_id,
          run_id: runId,
          clip_id: clipId,
          label: 'by hand',
          peak_ms: peakMs,
          in_ms: inMs,
          out_ms: outMs,
          score: 1,
          reasons: JSON.stringify([
            { signal: 'hand', contribution: 1, atMs: peakMs, text: `made by ${by.name}` },
          ]),
          revision: 1,
          state: 'found',
          state_reason: null,
          decision: 'undecided',
          decided_at_ms: null,
          found_at_ms: nowMs,
          peak_wall_ms: run.start_wall_ms + peakMs,
          source: 'hand',
          title,
          edit_version: 1,
          cut_version: 1,
          edited_in_ms: msFromTicks(wish.in90k),
          edited_out_ms: msFromTicks(wish.out90k),
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if ((made.numInsertedOrUpdatedRows ?? 0n) === 0n) return;
      const row = await momentOf(db, clipId);
      const edit = { ...wish, cropVertical: 0.5, cropSquare: 0.5, title, tags: [] };
      await insertEdit(db, { clipId, version: 1, wish: edit, by, atMs: nowMs, what: 'made' });
      await this.#sendCut(db, row, edit, 1, nowMs);
      const { channel_id: channelId } = row;
      const data = { label: row.label, peakMs, inMs, outMs, score: 1, revision: 1, clipId, by: by.name };
      await this.#events.append(db, [{ kind: 'moment.found', channelId, runId, subjectId: id, by, data }]);
    });
    await this.#tell(runId);
    return { momentId: id, clipId };
  }

  /** The last seconds of what is live now: waits for the segment that holds the end. @throws `channel.conflict` when nothing is live */
  async clipLast(
    channelId: string,
    seconds: number,
    by: Principal,
  ): Promise<{ momentId: string; clipId: string }> {
    const run = await this.#db
      .selectFrom('runs')
      .select(['id', 'start_wall_ms'])
      .where('channel_id', '=', channelId)
      .where('ended_at_ms', 'is', null)
      .orderBy('start_wall_ms', 'desc')
      .executeTakeFirst();
    if (!run)
      throw callerFault('channel.conflict', 'nothing is live on this channel: there are no last seconds');
    const wantedEnd90k = ticksFromMs(this.#clock.nowMs() - run.start_wall_ms);
    const giveUpMs = this.#clock.monotonicMs() + clipLastWaitMsMax;
    let media = await mediaOf(this.#db, run.id);
    while ((media?.end90k ?? 0) < wantedEnd90k && this.#clock.monotonicMs() < giveUpMs) {
      await this.#clock.sleep(pollMs);
      media = await mediaOf(this.#db, run.id);
    }
    if (!media) throw callerFault('channel.conflict', 'nothing was recorded of this channel yet');
    const out90k = Math.min(wantedEnd90k, media.end90k);
    const in90k = Math.max(media.start90k, out90k - seconds * ticksPerSecond);
    return await this.make(run.id, { in90k, out90k }, by);
  }

  /** The next version of a clip, with its event, and its cut where that is another one. */
  async #write(
    db: Db,
    row: MomentRow,
    edit: { wish: EditWish; by: Principal; what: EditEntry['what']; isCut: boolean },
    nowMs: number,
  ): Promise<void> {
    const { wish, by, what, isCut } = edit;
    const version = row.edit_version + 1;
    await insertEdit(db, { clipId: row.clip_id, version, wish, by, atMs: nowMs, what });
    await db
      .updateTable('moments')
      .set({
        title: wish.title,
        tags: JSON.stringify(wish.tags),
        edit_version: version,
        edited_in_ms: msFromTicks(wish.in90k),
        edited_out_ms: msFromTicks(wish.out90k),
        ...(isCut ? { cut_version: version } : {}),
      })
      .where('id', '=', row.id)
      .execute();
    if (isCut) await this.#sendCut(db, row, wish, version, nowMs);
    await this.#events.append(db, [editedEvent(row, version, by)]);
  }

  async #sendCut(db: Db, row: MomentRow, wish: EditWish, version: number, nowMs: number): Promise<void> {
    const { channel_id: channelId, run_id: runId, clip_id: clipId } = row;
    const { in90k, out90k, cropVertical, cropSquare, title, tags } = wish;
    const edit = { version, cropVertical, cropSquare, title, tags };
    const cut = { channelId, runId, clipId, moment: asMoment(row), range: { in90k, out90k }, edit };
    await sendEditCut(db, cut, 'exact', nowMs);
  }

  /** Where nothing was recorded between the segments that a range touches. */
  async #gapsIn(db: Db, runId: string, range: Range90k): Promise<{ start90k: number; end90k: number }[]> {
    const segments = await segmentsOf(db, runId, range);
    return segments.flatMap(({ start90k, gapBefore90k }) =>
      gapBefore90k > 0 ? [{ start90k: start90k - gapBefore90k, end90k: start90k }] : [],
    );
  }

  async #tell(runId: string): Promise<void> {
    this.#events.tell();
    await this.#onJobs(runId);
  }
}

async function momentOf(db: Db, clipId: string, forUpdate = false): Promise<MomentRow> {
  const row = await db
    .selectFrom('moments')
    .selectAll()
    .where('clip_id', '=', clipId)
    .$if(forUpdate, (query) => query.forUpdate())
    .executeTakeFirst();
  return row ?? notFound('clip', clipId);
}

async function historyOf(db: Db, clipId: string, limit = historyMax): Promise<EditEntry[]> {
  const rows = await db
    .selectFrom('edits')
    .selectAll()
    .where('clip_id', '=', clipId)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    version: row.version,
    what: row.what,
    by: row.actor.name,
    atMs: row.at_ms,
    in90k: row.in90k,
    out90k: row.out90k,
    cropVertical: row.crop_vertical,
    cropSquare: row.crop_square,
    title: row.title,
    tags: row.tags,
  }));
}

async function insertEdit(
  db: Db,
  edit: {
    clipId: string;
    version: number;
    wish: EditWish;
    by: Principal;
    atMs: number;
    what: EditEntry['what'];
  },
): Promise<void> {
  const { wish } = edit;
  await db
    .insertInto('edits')
    .values({
      clip_id: edit.clipId,
      version: edit.version,
      what: edit.what,
      in90k: wish.in90k,
      out90k: wish.out90k,
      crop_vertical: wish.cropVertical,
      crop_square: wish.cropSquare,
      title: wish.title,
      tags: JSON.stringify(wish.tags),
      actor: actorOf(edit.by),
      at_ms: edit.atMs,
    })
    .execute();
}

function modelRange(row: MomentRow): Range90k {
  return { in90k: ticksFromMs(row.in_ms), out90k: ticksFromMs(row.out_ms) };
}

function asModelCuts(row: MomentRow): EditWish {
  return { ...modelRange(row), cropVertical: 0.5, cropSquare: 0.5, title: row.title, tags: row.tags };
}

function asMoment(row: MomentRow): Moment {
  const { id, label, score, reasons } = row;
  return { id, label, score, reasons, peakMs: row.peak_ms, inMs: row.in_ms, outMs: row.out_ms };
}

/** All that the director makes of a clip is there, from in to out. */
async function isCutWhole(db: Db, clipId: string, { in90k, out90k }: Range90k): Promise<boolean> {
  const clip = await db.selectFrom('clips').select('sidecar').where('id', '=', clipId).executeTakeFirst();
  if (clip?.sidecar.revision !== 'exact') return false;
  const { requested, renditions } = clip.sidecar;
  if (requested.in90k !== in90k || requested.out90k !== out90k) return false;
  return renditions.some(({ preset }) => preset === 'vertical');
}

function isOtherCut(one: EditWish, other: EditWish): boolean {
  return (
    one.in90k !== other.in90k ||
    one.out90k !== other.out90k ||
    one.cropVertical !== other.cropVertical ||
    one.cropSquare !== other.cropSquare
  );
}

function editedEvent(row: MomentRow, version: number, by: Principal): NewEvent {
  const { channel_id: channelId, run_id: runId, id, clip_id: subjectId } = row;
  const data = { momentId: id, version, by: by.name };
  return { kind: 'clip.edited', channelId, runId, subjectId, by, data };
}

function conflict(current: number, given: number): TouchlineError {
  return callerFault(
    'edit.conflict',
    `somebody has saved this clip since you opened it (it is at version ${current}, you changed ${given}): look at what they did, then save yours on top or take theirs`,
  );
}

const stateWords = {
  sent: 'its newest cut waits, or is being cut now: wait for it',
  done: 'its newest cut was made',
  none: 'nothing of it was cut yet',
  withdrawn: 'it was withdrawn: later evidence made it part of another moment',
};

function notDead(clipId: string, state: keyof typeof stateWords): TouchlineError {
  return callerFault(
    'clip.conflict',
    `clip "${clipId}" cannot be cut again (${state}): ${stateWords[state]}. Only one whose newest cut is dead can`,
  );
}

function noMedia(clipId: string): TouchlineError {
  return callerFault(
    'clip.conflict',
    `clip "${clipId}" cannot be cut again: nothing of its run is recorded where it lies. Move its in and out to where there is media`,
  );
}

function notFound(what: 'clip' | 'run', id: string): never {
  throw callerFault(`${what}.not-found`, `there is no ${what} "${id}"`);
}

function callerFault(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
