import { afterEach, describe, expect, it } from 'vitest';

import type { Analyse } from '../../worker/worker.ts';
import { addLiveChannel, type DeskRig, openDeskRig, segmentBytes, segmentOf } from '../support/desk.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
let rig: DeskRig;
afterEach(async () => await rig.stop());

const run = { channelId: 'ch_test', runId: 'run_test' };
const segment90k = 4 * 90_000;

const seesGoal: Analyse = async ({ segment }) => ({
  signals: [],
  spots:
    segment.seq === 1
      ? [{ atMs: 6_000, label: 'goal', confidence: 0.95, source: 'score', durationMs: 0, evidence: {} }]
      : [],
});

let stored = 0;
/** The run goes on until it has so many segments of 4 s. */
async function goOnTo(count: number): Promise<void> {
  for (; stored < count; stored += 1) {
    const segment = segmentOf(run, stored);
    await rig.ingest.host.putSegment(segment.key, segmentBytes);
    await rig.ingest.events.onSegment(segment);
  }
  await rig.untilEvent(({ kind, data }) => kind === 'segment.analysed' && data['seq'] === count - 1);
}

/** More than half a minute goes by. */
async function age(): Promise<void> {
  await rig.catalogue.db
    .updateTable('contexts')
    .set(({ eb }) => ({ asked_at_ms: eb('asked_at_ms', '-', 31_000) }))
    .execute();
}

async function untilReady(clipId: string, count: number): Promise<void> {
  const readyCount = async (): Promise<number> =>
    (
      await rig.catalogue.db
        .selectFrom('contexts')
        .select('id')
        .where('clip_id', '=', clipId)
        .where('state', '=', 'ready')
        .execute()
    ).length;
  while ((await readyCount()) < count) {
    await new Promise((resolve) => rig.desk.onNews(() => resolve(undefined)));
  }
}

describe('the file to trim in, of a clip whose run goes on', () => {
  it('is the one that is there while a longer one is made, unless it ends too soon behind the clip', async () => {
    stored = 0;
    rig = await openDeskRig(await postgres.migratedDatabase());
    rig.work({ analyse: seesGoal });
    await addLiveChannel(rig.catalogue.db, { id: run.channelId, name: 'pitch-1' });
    await rig.ingest.events.onRunStarted({ ...run, startWallMs: 1_700_000_000_000 });
    await goOnTo(5);
    const { subjectId } = await rig.untilEvent(({ kind }) => kind === 'clip.visible');
    const clipId = subjectId ?? '';
    const { wanted } = await rig.edits.read(clipId);
    const until = async () => (await rig.edits.context(clipId)).sidecar?.requested.out90k;

    expect(await rig.edits.context(clipId)).toMatchObject({ state: 'making' });
    await untilReady(clipId, 1);
    expect(await until()).toBe(5 * segment90k);

    // The first segments with which 15 s lie behind the clip.
    const enough = Math.ceil((wanted.out90k + 15 * 90_000) / segment90k);
    await goOnTo(enough);
    await age();
    expect(await rig.edits.context(clipId)).toMatchObject({ state: 'making' });
    await untilReady(clipId, 2);
    expect(await until()).toBe(enough * segment90k);

    await goOnTo(enough + 2);
    expect(await until()).toBe(enough * segment90k);
    await age();
    // At once; and who opens it next gets the longer one.
    expect(await rig.edits.context(clipId)).toMatchObject({
      state: 'ready',
      sidecar: { requested: { out90k: enough * segment90k } },
    });
    await untilReady(clipId, 3);
    expect(await until()).toBe((enough + 2) * segment90k);
  });
});
