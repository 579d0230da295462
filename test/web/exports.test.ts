import { afterEach, describe, expect, it } from 'vitest';

import { ExportDesk } from '../../control/export-desk.ts';
import { Secret } from '../../core/secret.ts';
import type { Cut } from '../../worker/worker.ts';
import { type DeskRig, fakeCut, openDeskRig, playRun } from '../support/desk.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from './fake-desk.ts';

const postgres = usePostgres();
const token = '0123456789abcdef0123456789abcdef';
const run = { channelId: 'ch_test', runId: 'run_test' };
let rig: DeskRig;
let url: string;
let stop: () => Promise<void>;
afterEach(async () => {
  await stop();
  await rig.stop();
});

/** A clip of ten seconds at 25 frames, 29.97 where that is asked for; its files are there at once. */
const cutAt =
  (frameRate: { num: number; den: number } | null): Cut =>
  async (job, ...rest) => {
    const sidecar = await fakeCut(job, ...rest);
    return { ...sidecar, frameRate, frameCount: 250 };
  };

async function play(cut: Cut): Promise<string[]> {
  rig = await openDeskRig(await postgres.migratedDatabase());
  rig.work({
    analyse: async ({ segment }) => ({
      signals: [],
      spots: [4, 12].includes(segment.seq)
        ? [
            {
              atMs: segment.seq * 4000 + 2000,
              label: 'goal',
              confidence: 0.95,
              source: 'score',
              durationMs: 0,
              evidence: {},
            },
          ]
        : [],
    }),
    cut,
  });
  await playRun(rig, run, 18);
  const exports = new ExportDesk({ db: rig.catalogue.db });
  ({ url, stop } = await startTestWeb({ desk: new FakeDesk(), exports, token: new Secret(token) }));
  return (await rig.desk.listClips({})).clips.map(({ id }) => id);
}

async function ask(path: string, body?: object): Promise<Response> {
  return await fetch(`${url}/api/v1${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

describe('an export', () => {
  it('is a file of the clips that were named, in that order, each once, in every format', async () => {
    const [late = '', early = ''] = await play(cutAt({ num: 25, den: 1 }));
    const wish = { format: 'otio', clipIds: [early, late, early], title: 'Cup – final' };
    const otio = await ask('/exports', wish);
    expect(otio.status).toBe(200);
    expect(otio.headers.get('content-disposition')).toBe('attachment; filename="Cup-final.otio"');
    const document = JSON.parse(await otio.text()) as {
      tracks: { children: { children: { name: string }[] }[] };
    };
    const names = document.tracks.children[0]?.children.map(({ name }) => name);
    expect(names).toHaveLength(2);
    expect(names?.[0]).toMatch(new RegExp(`^${early}-exact-.*\\.wide\\.mp4$`));
    // The name that the same server gives to the download.
    const key = (await rig.desk.getClip(early)).renditions.find(({ preset }) => preset === 'wide')?.key ?? '';
    expect(names?.[0]).toBe(`${early}-${key.split('/').at(-1)}`);

    const csv = await (await ask('/exports', { ...wish, format: 'csv' })).text();
    expect(csv).toContain(`${url}/api/v1/clips/${early}/video`);
    expect(csv.split('\r\n')).toHaveLength(4);
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-proto': 'https' };
    const byTls = await fetch(`${url}/api/v1/clips/${early}/export?format=csv`, { headers });
    expect(await byTls.text()).toContain(`${url.replace('http:', 'https:')}/api/v1/clips/${early}/video`);
    expect(await (await ask('/exports', { ...wish, format: 'fcpxml' })).text()).toContain(
      '<asset-clip ref="a2"',
    );
    const edl = await ask(`/clips/${late}/export?format=edl`);
    expect(edl.headers.get('content-disposition')).toBe('attachment; filename="goal.edl"');
    expect(await edl.text()).toMatch(/^TITLE: goal\r\nFCM: NON-DROP FRAME\r\n\r\n001 {2}\w{8} AA\/V /);
  });

  it('names what it cannot hold, and gives nothing then', async () => {
    const [late = '', early = ''] = await play(cutAt({ num: 25, den: 1 }));
    const missing = await ask('/exports', { format: 'csv', clipIds: [early, 'clp_none'] });
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ detail: 'there is no clip clp_none' });
    await rig.catalogue.db
      .updateTable('moments')
      .set({ state: 'withdrawn' })
      .where('clip_id', '=', early)
      .execute();
    expect((await ask('/exports', { format: 'csv', clipIds: [early] })).status).toBe(404);
    await rig.catalogue.db
      .updateTable('moments')
      .set({ cut_version: 1 })
      .where('clip_id', '=', late)
      .execute();
    const early409 = await ask('/exports', { format: 'csv', clipIds: [late] });
    expect(early409.status).toBe(409);
    expect(await early409.json()).toMatchObject({ code: 'export.not-ready', retryable: true });
    for (const body of [
      { format: 'avi', clipIds: [late] },
      { format: 'csv', clipIds: [] },
      { format: 'csv', clipIds: ['../x'] },
    ]) {
      expect((await ask('/exports', body)).status).toBe(400);
    }
  });

  it('refuses a clip that has no rate of frames, and says so', async () => {
    const [late = ''] = await play(cutAt(null));
    const refused = await ask(`/clips/${late}/export?format=edl`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      code: 'export.not-possible',
      detail: `${late} has too few pictures for a frame rate`,
    });
  });
});
