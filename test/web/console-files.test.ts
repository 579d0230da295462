import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

import { Hono } from 'hono';
import { beforeAll, describe, expect, it } from 'vitest';

import { openConsole, type Console } from '../../web/console-files.ts';

// What was built last stands in dist/; the set-up of the tests builds it.
describe('the files of the console', () => {
  let shown: Console;
  let routes: Hono;
  beforeAll(async () => {
    shown = await openConsole();
    ({ routes } = shown);
  });

  it.each([
    '/',
    '/live',
    '/channels/ch_1',
    '/clips/clp_1',
    '/operations/clips/clp_1',
    '/settings',
    '/welcome',
    '/c/x',
  ])('are the page at %s, asked for anew each time', async (path) => {
    const response = await routes.request(path);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(await response.text()).toContain('<div id="app">');
  });

  it('are compressed for whoever takes it, and kept for ever under names that carry their content', async () => {
    const page = await (await routes.request('/')).text();
    const script = /src="(\/assets\/[\w.-]+\.js)"/.exec(page)?.[1] ?? '';
    const plain = await routes.request(script);
    expect(plain.headers.get('cache-control')).toContain('immutable');
    const small = await routes.request(script, { headers: { 'accept-encoding': 'gzip, br' } });
    expect(small.headers.get('content-encoding')).toBe('br');
    const bytes = Buffer.from(await small.arrayBuffer());
    expect(brotliDecompressSync(bytes).toString()).toBe(await plain.text());
  });

  it('are the page at every address that the console has a view for', async () => {
    const source = readFileSync(new URL('../../web/console/app.tsx', import.meta.url), 'utf8');
    const patterns = [...source.matchAll(/pattern: '([^']+)'/g)].map(([, pattern = '']) => pattern);
    expect(patterns.length).toBeGreaterThan(7);
    for (const pattern of patterns) {
      const path = pattern.replace(/:\w+/, 'x');
      expect([path, (await routes.request(path)).status]).toEqual([path, 200]);
    }
  });

  describe('where there is no page', () => {
    const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

    it.each([
      '/nothing',
      '/clips',
      '/clips/a/b',
      '/channels/',
      '/moments/mom_1',
      '/index.html',
      '/c/',
      '/%zz',
    ])(
      'are the page at %s all the same for whoever opens it in a browser, with the status of what is missing',
      async (path) => {
        const { status, type, response } = await asked(shown, path, { headers: browser });
        expect([status, type]).toEqual([404, 'text/html; charset=utf-8']);
        expect(response.headers.get('vary')).toContain('accept');
        expect(response.headers.get('cache-control')).toBe('no-cache');
        expect(await response.text()).toContain('<div id="app">');
      },
    );

    it.each<[string, string, RequestInit]>([
      ['a program', '/nothing', { headers: { accept: 'application/json' } }],
      ['whoever does not say what they take', '/nothing', {}],
      ['whoever takes anything', '/nothing', { headers: { accept: '*/*' } }],
      ['a browser that sends', '/nothing', { method: 'POST', headers: browser }],
      ['a browser at an address of the API', '/api/v1/nothing', { headers: browser }],
      ['a browser at a file of an older version', '/assets/none.js', { headers: browser }],
    ])('are no answer to %s', async (_who, path, init) => {
      const { status, type } = await asked(shown, path, init);
      expect([status, type]).toEqual([404, 'application/json']);
    });
  });

  it('are nothing else: no other address, no way out of the folder', async () => {
    for (const path of ['/nothing', '/assets/none.js', '/assets/..%2findex.html', '/index.html', '/clips']) {
      expect([path, (await routes.request(path)).status]).toEqual([path, 404]);
    }
  });
});

async function asked(shown: Console, path: string, init: RequestInit) {
  const app = new Hono().route('/', shown.routes);
  app.notFound(async (context) => (await shown.pageNotFound(context)) ?? context.json({ code: 'none' }, 404));
  const response = await app.request(path, init);
  return { status: response.status, type: response.headers.get('content-type'), response };
}
