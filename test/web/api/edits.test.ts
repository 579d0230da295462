import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { cutClip } from '../../../clipper/cut-clip.ts';
import { AccountDesk } from '../../../control/account-desk.ts';
import { OperationsDesk } from '../../../control/operations-desk.ts';
import { serverOwner, type Scope } from '../../../control/principal.ts';
import { systemClock } from '../../../core/clock.ts';
import { TouchlineError } from '../../../core/errors.ts';
import { systemRandom } from '../../../core/random.ts';
import { Secret } from '../../../core/secret.ts';
import type { ClipEdit } from '../../../web/api/schemas/edit.ts';
import type { OperationsView } from '../../../web/api/schemas/operations.ts';
import type { ReviewPage } from '../../../web/api/schemas/review.ts';
import type { Cut } from '../../../worker/worker.ts';
import { addLiveChannel, type DeskRig, fakeCut, openDeskRig, playRun } from '../../support/desk.ts';
import { usePostgres } from '../../support/postgres.ts';
import { makeSegments } from '../../support/segments.ts';
import { startTestWeb } from '../../support/test-web.ts';
import { noFleet } from '../fake-fleet.ts';

const postgres = usePostgres();
const run = { channelId: 'ch_test', runId: 'run_test' };

let rig: DeskRig;
let url: string;
let stopWeb: () => Promise<void>;
/** How a token's word is signed. */
const signed = (name: string): string => `${name} (a token of ${serverOwner.name})`;
/** Tokens of two editors, and of somebody who may look. */
let ana: string;
let ben: string;
let viewer: string;

beforeEach(async () => {
  rig = await openDeskRig(await postgres.migratedDatabase());
  const { db } = rig.catalogue;
  const accounts = new AccountDesk({ db, clock: systemClock, random: systemRandom });
  const web = await startTestWeb({
    accounts,
    desk: rig.desk,
    edits: rig.edits,
    review: rig.review,
    store: rig.store,
    operations: new OperationsDesk({ db, clock: systemClock, fleet: noFleet(), storeFolder: undefined }),
    token: new Secret('server-token-0123456789'),
  });
  ({ url, stop: stopWeb } = web);
  const tokenOf = async (name: string, scopes: Scope[]): Promise<string> =>
    (await accounts.tokens.make(serverOwner, { name, scopes })).secret.reveal();
  ana = await tokenOf('Ana', ['read', 'review']);
  ben = await tokenOf('Ben', ['read', 'review']);
  viewer = await tokenOf('Vera', ['read']);
});
afterEach(async () => {
  await stopWeb();
  await rig.stop();
});

interface Wish {
  by?: string;
  body?: unknown;
  ifMatch?: string;
  key?: string;
}

async function ask(
  method: string,
  path: string,
  { by = ana, body, ifMatch, key }: Wish = {},
): Promise<Response> {
  return await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${by}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function read<T>(path: string, by = ana): Promise<T> {
  return (await (await ask('GET', path, { by })).json()) as T;
}

/** As a kill left them: begun two minutes ago, and no answer on record. */
async function forgetAnswers(): Promise<void> {
  await rig.catalogue.db
    .updateTable('idempotency')
    .set({ status: null, body: null, created_at_ms: Date.now() - 121_000 })
    .execute();
}

/** A run without a moment, and a clip of it by hand. */
async function clipByHand(cut: Cut = fakeCut): Promise<{ momentId: string; clipId: string }> {
  rig.work({ analyse: async () => ({ signals: [], spots: [] }), cut });
  await playRun(rig, run, 8);
  const made = await ask('POST', `/runs/${run.runId}/moments`, { body: { inMs: 2_000, outMs: 9_000 } });
  expect(made.status).toBe(201);
  return (await made.json()) as { momentId: string; clipId: string };
}

describe('an edit over HTTP', () => {
  it.each([
    ['nothing', undefined, 428, { title: 'Precondition required', code: 'edit.unconditional' }],
    ['anything', '*', 412, { code: 'edit.conflict', current: { version: 1 } }],
    ['something that is no version', '"1"', 412, { code: 'edit.conflict', current: { version: 1 } }],
    ['a version without quotes', 'v1', 412, { code: 'edit.conflict', current: { version: 1 } }],
    ['two versions', '"v1", "v2"', 412, { code: 'edit.conflict', current: { version: 1 } }],
  ])('that names %s as what it is made on writes nothing', async (_what, ifMatch, status, problem) => {
    const { clipId } = await clipByHand();
    const { wanted } = await read<ClipEdit>(`/clips/${clipId}/edit`);
    for (const [method, body] of [
      ['PUT', { ...wanted, title: 'x' }],
      ['DELETE', undefined],
    ] as const) {
      const answer = await ask(method, `/clips/${clipId}/edit`, {
        body,
        ...(ifMatch === undefined ? {} : { ifMatch }),
      });
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject(problem);
    }
    expect(await read(`/clips/${clipId}/edit`)).toMatchObject({ version: 1, wanted: { title: '' } });
  });

  it('made on the newest version gives the next one and its ETag; an unchanged ETag is good for one save', async () => {
    const { clipId } = await clipByHand();
    const path = `/clips/${clipId}/edit`;
    const before = await ask('GET', path);
    expect(before.headers.get('etag')).toBe('"v1"');
    const { wanted } = (await before.json()) as ClipEdit;
    const saved = await ask('PUT', path, { body: { ...wanted, title: 'A save' }, ifMatch: '"v1"' });
    expect([saved.status, saved.headers.get('etag')]).toEqual([200, '"v2"']);
    expect(await saved.json()).toMatchObject({ version: 2, wanted: { title: 'A save' } });
    // A proxy that compresses makes the ETag a weak one.
    const weak = await ask('PUT', path, { body: { ...wanted, title: 'A goal' }, ifMatch: 'W/"v2"' });
    expect([weak.status, weak.headers.get('etag')]).toEqual([200, '"v3"']);
    const back = await ask('DELETE', path, { ifMatch: '"v3"' });
    expect([back.status, back.headers.get('etag')]).toEqual([200, '"v4"']);
  });

  it('made on an old version is 412 with what is there now, which the next save can name', async () => {
    const { clipId } = await clipByHand();
    const path = `/clips/${clipId}/edit`;
    const { wanted } = await read<ClipEdit>(path);
    await ask('PUT', path, { by: ben, body: { ...wanted, title: 'by Ben' }, ifMatch: '"v1"' });
    for (const [method, body] of [
      ['PUT', { ...wanted, title: 'by Ana' }],
      ['DELETE', undefined],
    ] as const) {
      const stale = await ask(method, path, { body, ifMatch: '"v1"' });
      expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"v2"']);
      expect(stale.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await stale.json()).toMatchObject({
        status: 412,
        code: 'edit.conflict',
        retryable: false,
        current: {
          version: 2,
          wanted: { title: 'by Ben' },
          history: [{ by: signed('Ben') }, { by: signed('Ana') }],
        },
      });
    }
    // One that nobody has made yet is no newer one.
    expect((await ask('PUT', path, { body: wanted, ifMatch: '"v3"' })).status).toBe(412);
    const onTop = await ask('PUT', path, { body: { ...wanted, title: 'by Ana' }, ifMatch: '"v2"' });
    expect([onTop.status, onTop.headers.get('etag')]).toEqual([200, '"v3"']);
  });

  it('is for editors, of clips that are there, and of what can be cut', async () => {
    const { clipId } = await clipByHand();
    const { wanted } = await read<ClipEdit>(`/clips/${clipId}/edit`, viewer);
    const wish = { body: wanted, ifMatch: '"v1"' };
    expect((await ask('PUT', `/clips/${clipId}/edit`, { ...wish, by: viewer })).status).toBe(403);
    expect((await ask('PUT', '/clips/clp_none/edit', wish)).status).toBe(404);
    const wrong = { ...wish, body: { ...wanted, out90k: wanted.in90k } };
    expect((await ask('PUT', `/clips/${clipId}/edit`, wrong)).status).toBe(400);
  });
});

describe('a decision that comes again because the server was killed before it had answered', () => {
  it.each(['/moments/decisions', '/moments/{id}/decision'])(
    'to %s leaves alone what another editor decided meanwhile',
    async (route) => {
      const { momentId } = await clipByHand();
      const decide = async (decision: string, wish: Wish) => {
        const body = route.endsWith('s') ? { ids: [momentId], decision } : { decision };
        expect((await ask('POST', route.replace('{id}', momentId), { ...wish, body })).status).toBe(200);
      };
      const word = async () => (await rig.desk.getMoment(momentId)).decision;
      await decide('approved', { key: 'k-1' });
      await forgetAnswers();
      await decide('rejected', { by: ben });
      await decide('approved', { key: 'k-1' });
      expect(await word()).toBe('rejected');
    },
  );

  it('is carried out where it was not', async () => {
    const { momentId } = await clipByHand();
    const wish = { key: 'k-1', body: { ids: [momentId], decision: 'approved' } };
    expect((await ask('POST', '/moments/decisions', wish)).status).toBe(200);
    const { db } = rig.catalogue;
    await forgetAnswers();
    await db.updateTable('moments').set({ decision: 'undecided' }).where('id', '=', momentId).execute();
    await db.deleteFrom('events').where('kind', '=', 'moment.decided').execute();
    expect((await ask('POST', '/moments/decisions', wish)).status).toBe(200);
    expect((await rig.desk.getMoment(momentId)).decision).toBe('approved');
  });
});

describe('a clip by hand over HTTP', () => {
  const path = `/runs/${run.runId}/moments`;

  it('under one key is made once, however often it is sent; under the same key another wish is a conflict', async () => {
    await clipByHand();
    const wish = { body: { inMs: 4_000, outMs: 12_000, title: 'A save' }, key: 'k-1' };
    const first = await ask('POST', path, wish);
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    const again = await ask('POST', path, wish);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(await again.json()).toEqual(await first.json());
    const other = await ask('POST', path, { ...wish, body: { inMs: 5_000, outMs: 12_000 } });
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: 'request.conflict' });
    const page = await read<ReviewPage>('/review?decision=all');
    expect(page.moments.map(({ title }) => title).toSorted()).toEqual(['', 'A save']);
  });

  it('that was refused leaves its key free, and the key of one editor is not that of another', async () => {
    await clipByHand();
    const wrong = await ask('POST', path, { body: { inMs: 9_000, outMs: 8_000 }, key: 'k-2' });
    expect(wrong.status).toBe(400);
    const body = { inMs: 8_000, outMs: 9_000 };
    expect((await ask('POST', path, { body, key: 'k-2' })).status).toBe(201);
    const bens = { body: { inMs: 9_000, outMs: 11_000 }, key: 'k-2', by: ben };
    expect((await ask('POST', path, bens)).status).toBe(201);
    expect((await read<ReviewPage>('/review?decision=all')).moments).toHaveLength(3);
  });
});

/** Who else looks at each moment, as somebody sees it. */
async function claimedBy(by: string): Promise<(string | null)[]> {
  const { moments } = await read<ReviewPage>('/review?decision=all', by);
  return moments.map((moment) => moment.claimedBy);
}

describe('a claim over HTTP', () => {
  it('is for the first who takes it: the second is told who has it, cannot give it back, and has it when it was released', async () => {
    const { momentId } = await clipByHand();
    const path = `/moments/${momentId}/claim`;
    expect(await (await ask('PUT', path)).json()).toEqual({ name: signed('Ana'), isMine: true });
    expect(await (await ask('PUT', path, { by: ben })).json()).toEqual({
      name: signed('Ana'),
      isMine: false,
    });
    expect([await claimedBy(ana), await claimedBy(ben), await claimedBy(viewer)]).toEqual([
      [null],
      [signed('Ana')],
      [signed('Ana')],
    ]);
    expect((await ask('DELETE', path, { by: ben })).status).toBe(204);
    expect(await claimedBy(ben)).toEqual([signed('Ana')]);
    expect((await ask('DELETE', path)).status).toBe(204);
    expect(await (await ask('PUT', path, { by: ben })).json()).toEqual({ name: signed('Ben'), isMine: true });
    expect(await claimedBy(ana)).toEqual([signed('Ben')]);
    const told = (await rig.desk.eventsSince(0, 1000)).filter(({ kind }) => kind === 'moment.claimed');
    expect(told.map(({ data }) => data['by'])).toEqual([signed('Ana'), null, signed('Ben')]);
  });

  it('is for editors, and of moments that are there', async () => {
    const { momentId } = await clipByHand();
    expect((await ask('PUT', `/moments/${momentId}/claim`, { by: viewer })).status).toBe(403);
    await ask('PUT', `/moments/${momentId}/claim`);
    expect((await ask('PUT', '/moments/mom_none/claim')).status).toBe(404);
    // What is not there is held by nobody, and nobody lets go of what they have for it.
    expect(await claimedBy(ben)).toEqual([signed('Ana')]);
    expect((await ask('PUT', '/moments/mom_none/claim', { by: ben })).status).toBe(404);
  });
});

describe('a dead cut over HTTP', () => {
  it('is shown to operators with why, and cut again once: the second who wants it gets 409', async () => {
    let isBroken = true;
    const letGo = new AbortController();
    const { clipId, momentId } = await clipByHand(async (job, host, tools) => {
      if (isBroken) {
        throw new TouchlineError({
          code: 'ffmpeg.failed',
          message: 'ffmpeg stopped with exit code 1 (last line: "moov atom not found")',
          retryable: false,
          blame: 'input',
        });
      }
      if (!letGo.signal.aborted)
        await new Promise((resolve) => letGo.signal.addEventListener('abort', resolve));
      return await fakeCut(job, host, tools);
    });
    await rig.untilEvent(({ kind }) => kind === 'clip.failed');
    const { deadCuts } = await read<OperationsView>('/operations', viewer);
    expect(deadCuts).toMatchObject([
      { clipId, momentId, channelName: 'pitch-1', stage: 'edit-exact', attempts: 1, hasFile: false },
    ]);
    expect(deadCuts[0]?.why).toContain('moov atom not found');
    expect((await read<ClipEdit>(`/clips/${clipId}/edit`)).deadWhy).toBe(deadCuts[0]?.why);
    expect((await ask('POST', `/clips/${clipId}/recut`, { by: viewer })).status).toBe(403);
    expect((await ask('POST', '/clips/clp_none/recut')).status).toBe(404);
    isBroken = false;
    const first = await ask('POST', `/clips/${clipId}/recut`);
    expect([first.status, first.headers.get('etag')]).toEqual([200, '"v2"']);
    expect(await first.json()).toMatchObject({ version: 2, deadWhy: null, history: [{ what: 'recut' }, {}] });
    const second = await ask('POST', `/clips/${clipId}/recut`, { by: ben });
    expect(second.status).toBe(409);
    expect(await second.json()).toMatchObject({
      code: 'clip.conflict',
      detail: expect.stringContaining('(sent)') as string,
    });
    expect((await read<OperationsView>('/operations')).deadCuts).toEqual([]);
    letGo.abort();
    await rig.untilEvent(({ kind, subjectId }) => kind === 'clip.visible' && subjectId === clipId);
  });

  it('whose segments were away, really cut, is a file that plays once they are back', async () => {
    const segments = makeSegments({ fps: '25', seconds: 6, gopFrames: 50 });
    const { records } = segments;
    rig.work({ analyse: async () => ({ signals: [], spots: [] }), cut: cutClip });
    await addLiveChannel(rig.catalogue.db, { id: run.channelId, name: 'pitch-1' });
    const { host, events } = rig.ingest;
    await events.onRunStarted({ ...run, startWallMs: 1_700_000_000_000 });
    for (const record of records) {
      await host.putSegment(record.key, segments.bytesOf(record));
      await events.onSegment(record);
    }
    await events.onRunEnded({ ...run, segmentCount: records.length, why: 'end-of-file' });
    await rig.untilEvent(({ kind }) => kind === 'run.finished');
    for (const { key } of records) await rig.store.remove(key);
    const made = await ask('POST', `/runs/${run.runId}/moments`, { body: { inMs: 3_000, outMs: 5_000 } });
    const { clipId } = (await made.json()) as { clipId: string };
    await rig.untilEvent(({ kind, subjectId }) => kind === 'clip.failed' && subjectId === clipId);
    const dead = await read<ClipEdit>(`/clips/${clipId}/edit`);
    expect(dead.deadWhy).toMatch(/^no-media: .*missing from the store/);
    expect(dead.renditions.map(({ state }) => state)).not.toContain('ready');

    for (const record of records) await host.putSegment(record.key, segments.bytesOf(record));
    expect((await ask('POST', `/clips/${clipId}/recut`)).status).toBe(200);
    await rig.untilEvent(({ kind, subjectId }) => kind === 'clip.visible' && subjectId === clipId);
    const after = await read<ClipEdit>(`/clips/${clipId}/edit`);
    const wide = after.renditions.find(({ preset }) => preset === 'wide');
    expect(wide).toMatchObject({ state: 'ready', width: 320, height: 180 });
    const file = await fetch(`${url}${wide?.url ?? ''}`, { headers: { authorization: `Bearer ${ana}` } });
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'video/mp4']);
    const sidecar = await rig.edits.read(clipId);
    expect(sidecar.sidecar).toMatchObject({ proven: true, frameCount: 50 });
    expect((await file.arrayBuffer()).byteLength).toBe(wide?.bytes);
  });
});
