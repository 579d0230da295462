import { brotliDecompressSync } from 'node:zlib';

import { beforeAll, describe, expect, it } from 'vitest';

import type { Hono } from 'hono';

import { consoleRoutes } from '../../web/console-files.ts';

// What was built last stands in dist/; the set-up of the tests builds it.
describe('the files of the console', () => {
  let routes: Hono;
  beforeAll(async () => {
    routes = await consoleRoutes();
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

  it('are nothing else: no other address, no way out of the folder', async () => {
    for (const path of ['/nothing', '/assets/none.js', '/assets/..%2findex.html', '/index.html', '/clips']) {
      expect([path, (await routes.request(path)).status]).toEqual([path, 404]);
    }
  });
});
