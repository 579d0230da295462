import { sql, type Kysely } from 'kysely';

import { sidecarKey, type ClipSidecar } from '../../core/clip.ts';
import type { CutResult } from '../../core/jobs.ts';
import type { Tables } from '../../store/schema.ts';
import { noClipReason } from '../director.ts';
import type { NewEvent } from '../event-log.ts';
import { reasonOf } from '../ledger.ts';
import { sendEditCut } from './cut-jobs.ts';

type Db = Kysely<Tables>;

interface About {
  channelId: string;
  runId: string;
}

/** Cuts that a person asked for: the director has no part in them. */
export function isOfEditor({ jobId, clipId }: { jobId: string; clipId: string }): boolean {
  return clipId.startsWith('ctx_') || jobId.startsWith('edit-');
}

/** A worker's answer to such a cut, written into the ledger. */
export async function takeEditorsCut(
  db: Db,
  about: About & { result: CutResult },
  nowMs: number,
): Promise<NewEvent[]> {
  const { result, ...run } = about;
  const { clipId, jobId, outcome } = result;
  if (outcome.kind === 'dead') {
    return await failEditorsCut(db, { ...run, clipId, jobId, reason: reasonOf(outcome.fault) });
  }
  if (clipId.startsWith('ctx_')) return await showContext(db, run, clipId, outcome.sidecar);
  return await showEdit(db, run, { sidecar: outcome.sidecar, jobId }, nowMs);
}

export async function failEditorsCut(
  db: Db,
  about: About & { clipId: string; jobId: string; reason: string },
): Promise<NewEvent[]> {
  const { channelId, runId, clipId, jobId, reason } = about;
  if (clipId.startsWith('ctx_')) {
    const row = await db
      .updateTable('contexts')
      .set({ state: 'failed', why: reason })
      .where('id', '=', clipId)
      .returning('clip_id')
      .executeTakeFirst();
    return row
      ? [{ kind: 'clip.context', channelId, runId, subjectId: row.clip_id, data: { state: 'failed' } }]
      : [];
  }
  // What is shown stays; the reason says why it is not what was wanted.
  await db.updateTable('moments').set({ state_reason: reason }).where('clip_id', '=', clipId).execute();
  await db
    .updateTable('moments')
    .set({ state: 'failed' })
    .where('clip_id', '=', clipId)
    .where('state', '=', 'found')
    .execute();
  const stage = jobId.endsWith('-whole') ? 'whole' : 'exact';
  return [{ kind: 'clip.failed', channelId, runId, subjectId: clipId, data: { stage, reason } }];
}

async function showContext(db: Db, run: About, contextId: string, sidecar: ClipSidecar): Promise<NewEvent[]> {
  const row = await db
    .updateTable('contexts')
    .set({ state: 'ready', why: null, sidecar: JSON.stringify(sidecar) })
    .where('id', '=', contextId)
    .returning('clip_id')
    .executeTakeFirst();
  return row ? [{ kind: 'clip.context', ...run, subjectId: row.clip_id, data: { state: 'ready' } }] : [];
}

/** The edited clip becomes what is shown, unless a later edit is shown already. Files of shapes that are still to come stay. */
async function showEdit(
  db: Db,
  run: About,
  cut: { sidecar: ClipSidecar; jobId: string },
  nowMs: number,
): Promise<NewEvent[]> {
  const { channelId, runId } = run;
  const { id: clipId, edit, moment, revision, made, proven } = cut.sidecar;
  if (!edit) return [];
  const row = await db
    .selectFrom('moments')
    .selectAll()
    .where('clip_id', '=', clipId)
    .forUpdate()
    .executeTakeFirst();
  const known = await db.selectFrom('clips').selectAll().where('id', '=', clipId).executeTakeFirst();
  if (!row || (known && known.edit_version > edit.version)) return [];
  const presets = new Set(cut.sidecar.renditions.map(({ preset }) => preset));
  const older = known?.sidecar.renditions.filter(({ preset }) => !presets.has(preset)) ?? [];
  const sidecar = { ...cut.sidecar, renditions: [...cut.sidecar.renditions, ...older] };
  const shown = {
    revision,
    made,
    proven,
    sidecar: JSON.stringify(sidecar),
    job_id: cut.jobId,
    visible_at_ms: nowMs,
    edit_version: edit.version,
  };
  await db
    .insertInto('clips')
    .values({
      id: clipId,
      moment_id: row.id,
      channel_id: channelId,
      run_id: runId,
      first_visible_at_ms: nowMs,
      exact_visible_at_ms: nowMs,
      ...shown,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(shown))
    .execute();
  await db
    .updateTable('moments')
    .set({ state: revision, state_reason: null })
    .where('clip_id', '=', clipId)
    .execute();
  await reviveSegments(db, runId, cut.sidecar.requested);
  if (cut.jobId.endsWith('-exact') && edit.version === row.cut_version) {
    const range = cut.sidecar.requested;
    await sendEditCut(db, { ...run, clipId, moment, range, edit }, 'whole', nowMs);
  }
  const data = {
    momentId: row.id,
    revision,
    made,
    proven,
    presets: cut.sidecar.renditions.map(({ preset }) => preset),
    editVersion: edit.version,
    sidecarKey: sidecarKey({ channelId, runId, clipId }),
  };
  return [{ kind: 'clip.visible', channelId, runId, subjectId: clipId, data }];
}

/** Segments that ended dead because no clip could be made of them are in one now. */
async function reviveSegments(
  db: Db,
  runId: string,
  { in90k, out90k }: ClipSidecar['requested'],
): Promise<void> {
  await db
    .updateTable('segments')
    .set({ state: 'clip', dead_reason: null })
    .where('run_id', '=', runId)
    .where('state', '=', 'dead')
    .where('dead_reason', 'like', `${noClipReason}:%`)
    .where(sql<boolean>`(record->>'start90k')::bigint < ${out90k}`)
    .where(sql<boolean>`(record->>'start90k')::bigint + (record->>'duration90k')::bigint > ${in90k}`)
    .execute();
}
