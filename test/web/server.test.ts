import { request } from 'node:http';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Log } from '../../core/log.ts';
import { Secret } from '../../core/secret.ts';
import { FakeDesk } from './fake-desk.ts';
import { memoryStore } from './memory-store.ts';
import { startTestWeb } from '../support/test-web.ts';

const token = 'test-token-0123456789';
const bearer = { authorization: `Bearer ${token}` };
const fileKey = 'clips/ch_1/run_1/clp_1/fast-wide.mp4';
const fileBytes = new Uint8Array(200_000).map((_, index) => index % 251);

let desk: FakeDesk;
let url: string;
let logged: string[];
let stop: () => Promise<void>;

beforeEach(async () => {
  desk = new FakeDesk();
  logged = [];
  ({ url, stop } = await startTestWeb({
    desk,
    store: memoryStore(
      new Map([
        [fileKey, { bytes: fileBytes, contentType: 'video/mp4' }],
        ['clips/ch_1/run_1/clp_1/clp_1.json', { bytes: Buffer.from('{}'), contentType: 'application/json' }],
        ['segments/ch_1/secret.ts', { bytes: Buffer.from('x'), contentType: 'video/mp2t' }],
      ]),
    ),
    log: recordingLog(logged),
    token: new Secret(token),
    version: '9.9.9',
    hostsAllowed: ['desk.example'],
  }));
});
afterEach(async () => {
  await stop();
});

describe('who may ask', () => {
  it.each(['/api/v1/channels', '/api/v1/moments', '/api/v1/events', '/api/v1/media/clips/x', '/metrics'])(
    '%s needs the token',
    async (path) => {
      const response = await fetch(url + path);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: 'auth.signed-out', status: 401 });
      expect((await fetch(url + path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    },
  );

  it.each([
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['desk.example', 200],
    ['localhost:1', 200],
    ['[::1]:1', 200],
    ['10.0.0.7:1', 200],
  ])('answers to the host name %s with %i, so that a rebound name gets nothing', async (host, status) => {
    expect((await ask('GET', '/api/v1/channels', { ...bearer, host })).status).toBe(status);
  });

  it.each([
    ['of another site', { origin: 'http://evil.example' }, 403],
    ['of another port', { origin: 'http://127.0.0.1:1' }, 403],
    ['that is null', { origin: 'null' }, 403],
    ['that a browser calls cross-site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['of a program without a page', {}, 201],
  ])('meets a change from a page %s with %i', async (_what, headers, status) => {
    const response = await ask('POST', '/api/v1/channels', { ...bearer, ...headers }, { name: 'pitch-1' });
    expect(response.status).toBe(status);
  });

  it('answers an address that is none with the console where a person opened it, and with a problem elsewhere', async () => {
    const accept = 'text/html,*/*;q=0.8';
    for (const path of ['/nowhere', '/clips/', '/p/none/of/these']) {
      const page = await fetch(url + path, { headers: { accept } });
      expect([path, page.status, page.headers.get('content-type')]).toEqual([
        path,
        404,
        'text/html; charset=utf-8',
      ]);
      const problem = await fetch(url + path);
      expect([path, problem.status, problem.headers.get('content-type')]).toEqual([
        path,
        404,
        'application/problem+json',
      ]);
    }
    const ofApi = await fetch(`${url}/api/v1/nowhere`, { headers: { ...bearer, accept } });
    expect([ofApi.status, ofApi.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
  });

  it('sets a policy without inline script on every answer, errors too', async () => {
    for (const path of ['/', '/assets/none.js', '/api/v1/channels', '/nowhere']) {
      const policy = (await fetch(url + path)).headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toContain('unsafe');
    }
  });

  it('serves nothing of its folder but the console', async () => {
    for (const path of ['/assets/..%2f..%2fserver.js', '/assets/../server.js', '/assets/constructor']) {
      expect((await fetch(url + path)).status).toBe(404);
    }
  });
});

describe('channels', () => {
  it('shows a key once: in the answer that issues it, and nowhere else', async () => {
    const made = await post('/channels', { name: 'pitch-1', sport: 'soccer' });
    expect(made).toMatchObject({ id: 'ch_1', name: 'pitch-1' });
    const { key, rtmp } = made['ingest'] as { key: string; rtmp: string };
    expect(rtmp).toBe(`rtmp://127.0.0.1:1935/live/${key}`);
    const listed = await (await fetch(`${url}/api/v1/channels`, { headers: bearer })).text();
    expect(listed).not.toContain(key);
    expect(logged.join('\n')).not.toContain(key);
  });

  it('says which channel is live and what is wrong with the feed', async () => {
    await post('/channels', { name: 'pitch-1' });
    desk.changeState('ch_1', 'live');
    const channel = await get('/channels/pitch-1');
    await post('/channels', { name: 'Pitch 1' });
    expect(await get('/channels/Pitch%201')).toMatchObject({ name: 'Pitch 1' });
    expect(channel).toMatchObject({ state: 'live', ingest: { rtmp: 'rtmp://127.0.0.1:1935/live' } });
    expect(channel['health']).toMatchObject({
      advice: [expect.stringContaining('keyframe interval to 2 s')],
    });
  });

  it.each([
    ['a name that is taken', { name: 'pitch-1' }, 409, 'channel.taken'],
    ['no name', {}, 400, 'web.invalid'],
    ['a field that it does not know', { name: 'x', nmae: 'y' }, 400, 'web.invalid'],
  ])('refuses %s with a problem that names it', async (_what, body, status, code) => {
    await post('/channels', { name: 'pitch-1' });
    const response = await ask('POST', '/api/v1/channels', bearer, body);
    expect(response.status).toBe(status);
    expect(response.headers['content-type']).toContain('application/problem+json');
    expect(JSON.parse(response.body.toString())).toMatchObject({ status, code, detail: expect.any(String) });
  });

  it('takes a key back, and a channel away, without a body', async () => {
    await post('/channels', { name: 'pitch-1' });
    expect((await ask('DELETE', '/api/v1/channels/ch_1/keys/k1', bearer)).status).toBe(204);
    expect(await get('/channels/ch_1')).toMatchObject({ keys: [] });
    const byFetch = await fetch(`${url}/api/v1/channels/ch_1`, { method: 'DELETE', headers: bearer });
    expect(byFetch.status).toBe(204);
    expect((await ask('GET', '/api/v1/channels/ch_1', bearer)).status).toBe(404);
  });

  it('refuses a body of more than 64 KiB, and one that is no JSON', async () => {
    const large = await ask('POST', '/api/v1/channels', bearer, { name: 'x'.repeat(65_536) });
    expect(large.status).toBe(413);
    const broken = await fetch(`${url}/api/v1/channels`, {
      method: 'POST',
      headers: bearer,
      body: '{"name":',
    });
    expect(broken.status).toBe(400);
  });
});

describe('moments', () => {
  it('come newest first, with reasons and the clip that shows them, page by page', async () => {
    await post('/channels', { name: 'pitch-1' });
    for (let index = 1; index <= 5; index += 1) desk.find(`mom_${index}`, { peakMs: index * 60_000 });
    desk.cut('mom_5', 'fast', [rendition()]);
    const first = (await get('/moments?limit=2')) as unknown as Page;
    expect(first.moments.map(({ id }) => id)).toEqual(['mom_5', 'mom_4']);
    expect(first.moments[0]).toMatchObject({
      channelName: 'pitch-1',
      clip: {
        revision: 'fast',
        url: '/api/v1/clips/clp_5/video',
        renditions: [{ url: `/api/v1/media/${fileKey}` }],
      },
    });
    expect(first.moments[1]).toMatchObject({ clip: null, reasons: [{ contribution: 0.71 }, {}, {}] });
    const second = (await get(`/moments?limit=2&cursor=${first.next}`)) as unknown as Page;
    expect(second.moments.map(({ id }) => id)).toEqual(['mom_3', 'mom_2']);
    const last = (await get(`/moments?limit=2&cursor=${second.next}`)) as unknown as Page;
    expect(last).toMatchObject({ moments: [{ id: 'mom_1' }], next: null });
  });

  it('take a decision, and no word that is not one', async () => {
    desk.find('mom_1');
    expect(await post('/moments/mom_1/decision', { decision: 'approved' })).toMatchObject({
      decision: 'approved',
    });
    const wrong = await ask('POST', '/api/v1/moments/mom_1/decision', bearer, { decision: 'maybe' });
    expect(wrong.status).toBe(400);
    const unknown = await ask('POST', '/api/v1/moments/mom_2/decision', bearer, { decision: 'approved' });
    expect(unknown.status).toBe(404);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'decision=maybe', 'unknown=1', 'cursor=%27%20or', 'cursor='])(
    'refuse the question ?%s',
    async (query) => {
      expect((await fetch(`${url}/api/v1/moments?${query}`, { headers: bearer })).status).toBe(400);
    },
  );
});

describe('media', () => {
  it.each([
    ['bytes=0-99', 206, 'bytes 0-99/200000', 100],
    ['bytes=199999-', 206, 'bytes 199999-199999/200000', 1],
    ['bytes=150000-999999', 206, 'bytes 150000-199999/200000', 50_000],
    ['bytes=-500', 206, 'bytes 199500-199999/200000', 500],
    ['bytes=-999999', 206, 'bytes 0-199999/200000', 200_000],
    ['bytes=9-3', 200, undefined, 200_000],
    ['bytes=0-1,5-6', 200, undefined, 200_000],
    ['pages=1-2', 200, undefined, 200_000],
  ])('answers "Range: %s" with %i', async (range, status, contentRange, length) => {
    const response = await ask('GET', `/api/v1/media/${fileKey}`, { ...bearer, range });
    expect(response.status).toBe(status);
    expect(response.headers['content-range']).toBe(contentRange);
    expect(response.body).toHaveLength(length);
    const from = Number(/^bytes (\d+)/.exec(contentRange ?? '')?.[1] ?? 0);
    expect(Buffer.compare(response.body, fileBytes.subarray(from, from + length))).toBe(0);
  });

  it.each(['bytes=200000-', 'bytes=-0'])(
    'says how long the file is where "Range: %s" is past its end',
    async (range) => {
      const response = await ask('GET', `/api/v1/media/${fileKey}`, { ...bearer, range });
      expect(response.status).toBe(416);
      expect(response.headers).toMatchObject({
        'content-range': 'bytes */200000',
        'content-type': 'application/problem+json',
      });
      expect(JSON.parse(response.body.toString())).toMatchObject({
        status: 416,
        code: 'media.no-such-range',
      });
    },
  );

  it('is kept by the browser for good, except where the content is replaced', async () => {
    desk.find('mom_1');
    desk.cut('mom_1', 'fast', [rendition()]);
    const file = await ask('HEAD', `/api/v1/media/${fileKey}`, bearer);
    expect(file.headers).toMatchObject({ 'content-length': '200000', 'accept-ranges': 'bytes' });
    expect(file.headers['cache-control']).toContain('immutable');
    expect(file.body).toHaveLength(0);
    for (const path of [
      'clips/clp_1/video',
      'clips/clp_1/sidecar',
      'media/clips/ch_1/run_1/clp_1/clp_1.json',
    ]) {
      const response = await ask('GET', `/api/v1/${path}`, bearer);
      expect(response.status).toBe(200);
      expect(response.headers['cache-control']).toContain('no-cache');
      const again = await ask('GET', `/api/v1/${path}`, {
        ...bearer,
        'if-none-match': String(response.headers['etag']),
      });
      expect(again.status).toBe(304);
      expect(again.body).toHaveLength(0);
    }
  });

  it('gives the whole file to a range of an older version', async () => {
    const headers = { ...bearer, range: 'bytes=0-9', 'if-range': '"older"' };
    expect((await ask('GET', `/api/v1/media/${fileKey}`, headers)).status).toBe(200);
  });

  it('names a download after its clip', async () => {
    const response = await ask('GET', `/api/v1/media/${fileKey}?download`, bearer);
    expect(response.headers['content-disposition']).toBe('attachment; filename="clp_1-fast-wide.mp4"');
  });

  it.each([
    'segments/ch_1/secret.ts',
    'clips/../segments/ch_1/secret.ts',
    'clips/%2e%2e/segments/ch_1/secret.ts',
    'clips/none.mp4',
  ])('has nothing but clips: not %s', async (key) => {
    expect((await ask('GET', `/api/v1/media/${key}`, bearer)).status).toBe(404);
  });
});

describe('events', () => {
  it('tell what happens, and go on behind the last id', async () => {
    const first = await fetch(`${url}/api/v1/events`, { headers: bearer });
    expect(first.headers.get('content-type')).toContain('text/event-stream');
    const read = first.body?.getReader();
    expect(text((await read?.read())?.value)).toContain('event: hello');
    desk.happen('moment.found', 'mom_1');
    expect(text((await read?.read())?.value)).toContain('id: 1\nevent: moment.found');
    await read?.cancel();
    desk.happen('clip.visible', 'clp_1');
    const again = await fetch(`${url}/api/v1/events`, { headers: { ...bearer, 'last-event-id': '1' } });
    const resumed = again.body?.getReader();
    expect(text((await resumed?.read())?.value)).toContain('id: 2\nevent: clip.visible');
    await resumed?.cancel();
  });

  it('end with bye when the server stops', async () => {
    const response = await fetch(`${url}/api/v1/events`, { headers: bearer });
    const ended = response.text();
    await stop();
    expect(await ended).toContain('event: bye');
  });
});

describe('operations', () => {
  it('live without asking anybody, and are ready when every part is', async () => {
    expect(await (await fetch(`${url}/livez`)).json()).toEqual({ ok: true, version: '9.9.9' });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    desk.isReady = false;
    const response = await fetch(`${url}/readyz?verbose`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ok: false, stopping: false, failing: ['database'] });
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    const verbose = await (await fetch(`${url}/readyz?verbose`, { headers: bearer })).json();
    expect(verbose).toMatchObject({ checks: [{ name: 'database', message: 'at /secret/place' }, {}] });
  });

  it('are measured in the text that Prometheus reads', async () => {
    const metrics = await (await fetch(`${url}/metrics`, { headers: bearer })).text();
    expect(metrics).toContain('touchline_build_info{version="9.9.9"} 1\n');
    expect(metrics).toContain('# TYPE touchline_stream_up gauge\n');
    expect(metrics).toContain(String.raw`touchline_stream_up{channel="a \"quoted\"\nname"} 1`);
  });

  it('answer a taken port with a message that says what to do', async () => {
    const port = Number(new URL(url).port);
    const second = startTestWeb({ desk, port, token: new Secret(token) });
    await expect(second).rejects.toMatchObject({
      code: 'web.port-taken',
      message: expect.stringContaining('TOUCHLINE_HTTP_PORT'),
    });
  });

  it('hide what went wrong inside from the caller, and log it', async () => {
    desk.listChannels = async () => {
      throw new Error('password=hunter2 at 10.0.0.1');
    };
    const response = await fetch(`${url}/api/v1/channels`, { headers: bearer });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
    expect(logged.join('\n')).toContain('hunter2');
  });

  it('take a file to ingest by its absolute path', async () => {
    const response = await ask('POST', '/api/v1/ingest', bearer, { path: '/media/match.mp4', name: 'final' });
    expect(response.status).toBe(202);
    expect(desk.calls).toEqual([{ path: '/media/match.mp4', name: 'final' }]);
    expect((await ask('POST', '/api/v1/ingest', bearer, { path: 'match.mp4', name: 'final' })).status).toBe(
      400,
    );
  });
});

interface Page {
  moments: { id: string }[];
  next: string | null;
}

async function get(path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${url}/api/v1${path}`, { headers: bearer })).json()) as Record<string, unknown>;
}

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await ask('POST', `/api/v1${path}`, bearer, body);
  return JSON.parse(response.body.toString()) as Record<string, unknown>;
}

/** `fetch` corrects paths and forbids the Host header; this asks as it is told. */
async function ask(method: string, path: string, headers: Record<string, string>, body?: unknown) {
  const { port } = new URL(url);
  return await new Promise<{
    status: number;
    headers: Record<string, string | string[] | undefined>;
    body: Buffer;
  }>((resolve, reject) => {
    const sent = request({ port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function rendition() {
  return {
    preset: 'wide' as const,
    key: fileKey,
    contentType: 'video/mp4',
    bytes: fileBytes.length,
    sha256: '',
    durationMs: 16_000,
    width: 1280,
    height: 720,
  };
}

function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

function recordingLog(lines: string[]): Log {
  const record = (message: string, fields: Record<string, unknown> = {}): void => {
    const { error } = fields;
    lines.push(message, JSON.stringify(fields), error instanceof Error ? error.message : '');
  };
  return { debug: record, info: record, warn: record, error: record, child: () => recordingLog(lines) };
}

/** The door, and what a contributor's link shows. */
const openToAnybody = [
  'delete /session',
  'get /session',
  'get /share/{secret}',
  'get /share/{secret}/still.jpg',
  'post /session',
  'post /session/redeem',
];

describe('the OpenAPI document', () => {
  it('names every address of the API, and who may ask it', async () => {
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { security: unknown[]; responses: Record<string, unknown> }>>;
    };
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).length).toBeGreaterThan(25);
    const open = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { security }]) =>
        security.length === 0 ? [`${method} ${path}`] : [],
      ),
    );
    expect(open.toSorted()).toEqual(openToAnybody);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        if (security.length === 0) continue;
        const address = `${url}/api/v1${path.replaceAll(/\{\w+\}/g, 'x')}`;
        const { status } = await fetch(address, { method: method.toUpperCase() });
        expect([method, path, status]).toEqual([method, path, 401]);
      }
    }
  });
});
