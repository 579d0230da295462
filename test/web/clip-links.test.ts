import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ClipLinks } from '../../control/clip-links.ts';
import type { ClipSidecar, Rendition } from '../../core/clip.ts';
import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { withoutSecrets } from '../../web/problem.ts';
import { type DeskRig, fakeCut, openDeskRig, playRun } from '../support/desk.ts';
import { usePostgres } from '../support/postgres.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from './fake-desk.ts';

const postgres = usePostgres();
const owner = '0123456789abcdef0123456789abcdef';
const run = { channelId: 'ch_test', runId: 'run_test' };
const dayMs = 86_400_000;

let rig: DeskRig;
let url: string;
let stop: () => Promise<void>;
let nowMs: number;
let clipId: string;
let otherId: string;
const clock = { ...systemClock, nowMs: () => nowMs, monotonicMs: () => nowMs };

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  rig = await openDeskRig(await postgres.migratedDatabase());
  rig.work({
    analyse: async ({ segment: { seq } }) => ({
      signals: [],
      spots: [4, 12].includes(seq) ? [goalAt(seq)] : [],
    }),
    cut: fakeCut,
  });
  await playRun(rig, run, 18);
  [clipId = '', otherId = ''] = (await rig.desk.listClips({})).clips.map(({ id }) => id);
  await show(clipId, [await file('wide', 'first'), await file('thumbnail', 'poster')]);
  const clipLinks = new ClipLinks({ db: rig.catalogue.db, clock, random: systemRandom });
  ({ url, stop } = await startTestWeb({
    desk: new FakeDesk(),
    store: rig.store,
    clock,
    clipLinks,
    token: new Secret(owner),
  }));
});
afterEach(async () => {
  await stop();
  await rig.stop();
});

const goalAt = (seq: number) => ({
  atMs: seq * 4000 + 2000,
  label: 'goal',
  confidence: 0.95,
  source: 'score',
  durationMs: 0,
  evidence: {},
});

/** A file of a clip in the store; its bytes are its name. */
async function file(preset: Rendition['preset'], name: string, editVersion = 0): Promise<Rendition> {
  const isPicture = preset === 'thumbnail';
  const key = `clips/ch_test/run_test/${clipId}/${name}.${preset}.${isPicture ? 'jpg' : 'mp4'}`;
  const contentType = isPicture ? 'image/jpeg' : 'video/mp4';
  await rig.store.put(key, Buffer.from(`${name} ${preset}`), { contentType });
  const durationMs = isPicture ? 0 : 18_400;
  return { preset, key, contentType, bytes: 9, sha256: '', durationMs, width: 640, height: 360, editVersion };
}

async function show(id: string, renditions: Rendition[]): Promise<void> {
  const { db } = rig.catalogue;
  const { sidecar } = await db
    .selectFrom('clips')
    .select('sidecar')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const now: ClipSidecar = { ...sidecar, renditions };
  await db
    .updateTable('clips')
    .set({ sidecar: JSON.stringify(now) })
    .where('id', '=', id)
    .execute();
}

async function ask(path: string, wish: { method?: string; body?: object } = {}): Promise<Response> {
  return await whole(`${url}/api/v1${path}`, {
    method: wish.method ?? (wish.body ? 'POST' : 'GET'),
    headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/json' },
    ...(wish.body ? { body: JSON.stringify(wish.body) } : {}),
  });
}

async function made(body: object = {}): Promise<{ path: string; link: { id: string } }> {
  const answer = await ask(`/clips/${clipId}/links`, { body });
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
  return (await answer.json()) as { path: string; link: { id: string } };
}

/** As somebody without an account. */
const visit = async (path: string, headers: Record<string, string> = {}) =>
  await whole(`${url}${path}`, { headers });

/** Read to its end: what nobody reads keeps the server from closing. */
async function whole(address: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(address, init);
  const isEmpty = [204, 304].includes(answer.status);
  return new Response(isEmpty ? null : await answer.arrayBuffer(), answer);
}

describe('a link to a clip', () => {
  it('is told of when it is made and when it ends, without what it opens', async () => {
    const from = await rig.desk.lastEventId();
    const { link, path } = await made();
    expect((await ask(`/clips/${clipId}/links/${link.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await ask(`/clips/${clipId}/links/${link.id}`, { method: 'DELETE' })).status).toBe(404);
    const told = await rig.desk.eventsSince(from, 10);
    const about = { kind: 'link.changed', subjectId: link.id, channelId: 'ch_test', runId: 'run_test' };
    expect(told).toMatchObject([
      { ...about, data: { what: 'made', clipId }, by: { kind: 'server' } },
      { ...about, data: { what: 'revoked', clipId }, by: { kind: 'server' } },
    ]);
    expect(JSON.stringify(told)).not.toContain(path.slice('/p/'.length));
  });

  it('shows a page that needs no account and no script, with what a chat needs for its preview', async () => {
    const { db } = rig.catalogue;
    const hostile = `"><script>alert(1)</script> O'Hara & Söhne`;
    await db.updateTable('moments').set({ title: hostile }).where('clip_id', '=', clipId).execute();
    const { path } = await made();
    expect(path).toMatch(/^\/p\/[A-Za-z0-9_-]{22}$/);
    const answer = await visit(path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
    expect(answer.headers.get('x-robots-tag')).toContain('noindex');
    const page = await answer.text();
    expect(page).not.toContain('<script');
    expect(page).toContain(
      `<meta property="og:title" content="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt; O&#39;Hara &amp; Söhne" />`,
    );
    expect(page).toContain('18 s');
    const picture = /og:image" content="([^"]+)"/.exec(page)?.[1] ?? '';
    expect(picture.startsWith(`${url}${path}/picture.jpg?v=`)).toBe(true);
    expect(await (await fetch(picture)).text()).toBe('poster thumbnail');
    // Nothing of the house is told.
    for (const inside of [clipId, run.channelId, run.runId, 'pitch-1']) expect(page).not.toContain(inside);
    const style = await visit('/p/style.css');
    expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
  });

  it('says https where a proxy says so', async () => {
    const { path } = await made();
    const page = await (await visit(path, { 'x-forwarded-proto': 'https' })).text();
    expect(page).toContain(`og:url" content="https://`);
  });

  it('plays in ranges, with a validator, and is downloaded under the name of the clip', async () => {
    const { path } = await made();
    const all = await visit(`${path}/wide.mp4`);
    expect([all.status, await all.text()]).toEqual([200, 'first wide']);
    expect(all.headers.get('cache-control')).toBe('private, no-cache');
    const part = await visit(`${path}/wide.mp4`, { range: 'bytes=2-4' });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      'bytes 2-4/10',
      'rst',
    ]);
    const etag = all.headers.get('etag') ?? '';
    expect((await visit(`${path}/wide.mp4`, { 'if-none-match': etag })).status).toBe(304);
    const download = await visit(`${path}/wide.mp4?download`);
    expect(download.headers.get('content-disposition')).toBe(
      `attachment; filename="${clipId}-first.wide.mp4"`,
    );
  });

  it('opens the files of that clip and nothing else', async () => {
    const { path } = await made();
    const key = `clips/ch_test/run_test/${clipId}/first.wide.mp4`;
    for (const wrong of [
      `${path}/${clipId}.json`,
      `${path}/first.wide.mp4`,
      `${path}/vertical.mp4`,
      `${path}/..%2f..%2fapi%2fv1%2fclips`,
      `${path}/${encodeURIComponent(key)}`,
      `${path}/constructor`,
    ]) {
      expect((await visit(wrong)).status, wrong).toBe(404);
    }
    const secret = path.slice(3);
    for (const closed of [`/api/v1/clips/${clipId}`, `/api/v1/clips/${otherId}/video`, '/api/v1/clips']) {
      expect((await visit(closed)).status).toBe(401);
      expect((await visit(closed, { authorization: `Bearer ${secret}` })).status).toBe(401);
    }
    expect((await visit(`/api/v1/media/${key}`)).status).toBe(401);
  });

  it('offers the other shapes once they are of the same edit, and the new files after one', async () => {
    const { path } = await made();
    const shapesIn = async () => [...(await (await visit(path)).text()).matchAll(/shape=(\w+)/g)].map(second);
    expect(await shapesIn()).toEqual([]);
    const upright = await file('vertical', 'first');
    await show(clipId, [await file('wide', 'first'), upright]);
    expect(await shapesIn()).toEqual(['wide', 'vertical']);
    expect(await (await visit(`${path}?shape=vertical`)).text()).toContain(`src="${url}${path}/vertical.mp4`);
    expect(await (await visit(`${path}?shape=square`)).text()).toContain(`src="${url}${path}/wide.mp4`);

    const before = /src="([^"]+)"/.exec(await (await visit(path)).text())?.[1];
    await show(clipId, [await file('wide', 'second', 1), upright]);
    const after = /src="([^"]+)"/.exec(await (await visit(path)).text())?.[1] ?? '';
    expect(after).not.toBe(before);
    expect(await (await fetch(after)).text()).toBe('second wide');
    expect(await shapesIn()).toEqual([]);
    expect((await visit(`${path}/vertical.mp4`)).status).toBe(404);
  });

  it('is over at its last millisecond, a week on unless it was told otherwise', async () => {
    const { path } = await made();
    nowMs += 7 * dayMs - 1;
    expect((await visit(path)).status).toBe(200);
    nowMs += 1;
    expect((await visit(path)).status).toBe(404);
    expect((await visit(`${path}/wide.mp4`)).status).toBe(404);
    const { path: short } = await made({ expiresInMs: dayMs });
    nowMs += dayMs;
    const over = await visit(short);
    expect([over.status, await over.text()]).toEqual([404, expect.stringContaining('does not work')]);
    expect((await ask(`/clips/${clipId}/links`, { body: { expiresInMs: 59_999 } })).status).toBe(400);
    expect((await ask(`/clips/${clipId}/links`, { body: { expiresInMs: 366 * dayMs } })).status).toBe(400);
  });

  it('is listed without its secret, and is over as soon as it is revoked', async () => {
    const { path, link } = await made();
    const { path: other } = await made();
    await visit(path);
    const listed = await (await ask(`/clips/${clipId}/links`)).text();
    expect(listed).not.toContain(path.slice(3));
    const { links } = JSON.parse(listed) as { links: { id: string; lastUsedAtMs: number | null }[] };
    expect(links).toHaveLength(2);
    expect(links.find(({ id }) => id === link.id)).toMatchObject({ lastUsedAtMs: nowMs, revokedAtMs: null });
    // Of another clip it is not there to be revoked.
    const wrong = await ask(`/clips/${otherId}/links/${link.id}`, { method: 'DELETE' });
    expect(wrong.status).toBe(404);
    expect((await ask(`/clips/${clipId}/links/${link.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await visit(path)).status).toBe(404);
    expect((await visit(`${path}/wide.mp4`)).status).toBe(404);
    expect((await visit(other)).status).toBe(200);
    expect((await ask(`/clips/${clipId}/links/${link.id}`, { method: 'DELETE' })).status).toBe(404);
  });

  it('says that the clip is no longer there once it was rejected or taken back, and shows it again after that', async () => {
    const { db } = rig.catalogue;
    const { path } = await made();
    const set = async (change: { decision?: 'rejected' | 'undecided'; state?: 'withdrawn' }) =>
      await db.updateTable('moments').set(change).where('clip_id', '=', clipId).execute();
    await set({ decision: 'rejected' });
    const gone = await visit(path);
    expect([gone.status, await gone.text()]).toEqual([410, expect.stringContaining('no longer there')]);
    expect((await visit(`${path}/wide.mp4`)).status).toBe(404);
    expect((await ask(`/clips/${clipId}/links`, { body: {} })).status).toBe(409);
    await set({ decision: 'undecided' });
    expect((await visit(path)).status).toBe(200);
    await set({ state: 'withdrawn' });
    expect((await visit(path)).status).toBe(410);
    expect((await ask(`/clips/${clipId}/links`, { body: {} })).status).toBe(404);
    expect((await ask('/clips/clp_none/links', { body: {} })).status).toBe(404);
  });

  it('lets an address guess 20 times at once, then once a second; a link that was right goes on', async () => {
    const { path } = await made();
    expect((await visit(path)).status).toBe(200);
    const guess = async () => (await visit(`/p/${'W'.repeat(22)}`)).status;
    for (let nth = 1; nth < 20; nth += 1) expect(await guess()).toBe(404);
    expect(await guess()).toBe(429);
    expect((await visit(`/p/${'W'.repeat(22)}/wide.mp4`)).status).toBe(429);
    expect((await visit(`${path}/wide.mp4`)).status).toBe(200);
    nowMs += 1000;
    expect([await guess(), await guess()]).toEqual([404, 429]);
  });

  it('needs the right to review, and leaves its secret neither in the ledger nor in the log', async () => {
    expect((await fetch(`${url}/api/v1/clips/${clipId}/links`, { method: 'POST' })).status).toBe(401);
    const { path } = await made();
    const secret = path.slice(3);
    const rows = JSON.stringify(await rig.catalogue.db.selectFrom('clip_links').selectAll().execute());
    expect(rows).not.toContain(secret);
    expect(rows).not.toContain(Buffer.from(secret, 'base64url').toString('hex'));
    expect(withoutSecrets(`${path}/wide.mp4`)).toBe('/p/***/wide.mp4');
  });

  it('is refused where a hundred are open, until one is revoked', async () => {
    const { db } = rig.catalogue;
    const { link } = await made();
    const row = await db.selectFrom('clip_links').selectAll().executeTakeFirstOrThrow();
    const more = Array.from({ length: 99 }, (_, nth) => ({ ...row, id: `cln_${nth}`, hash: Buffer.of(nth) }));
    await db.insertInto('clip_links').values(more).execute();
    expect((await ask(`/clips/${clipId}/links`, { body: {} })).status).toBe(409);
    await ask(`/clips/${clipId}/links/${link.id}`, { method: 'DELETE' });
    await made();
  });
});

function second([, text = '']: RegExpMatchArray): string {
  return text;
}
