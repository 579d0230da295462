import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pushLive } from '../support/live-push.ts';
import { writeRoaringMatch } from '../support/roaring-match.ts';
import { install, type Installation, type RunningUp } from '../support/touchline.ts';

const chromiumPath = '/usr/bin/chromium';
const axeSource = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const timeout = 120_000;
/** Typed into every field that takes a name; none of it may become an element or run. */
const payloads = [
  '<img src=x onerror="window.hacked=1">',
  '<script>window.hacked=1</script>',
  '"><svg onload=window.hacked=1>',
  "javascript:window.hacked=1//'",
  '<iframe srcdoc="<script>parent.hacked=1</script>">',
  '<a href="javascript:window.hacked=1">x</a>',
  '{{constructor.constructor("window.hacked=1")()}}',
  '${window.hacked=1}',
  '<math><mtext><style><img src=x onerror=window.hacked=1>',
  '&lt;img src=x onerror=window.hacked=1&gt;',
];

/** An evening as editors and contributors live it: a real server, a real feed, a real browser. */
describe.skipIf(!existsSync(chromiumPath))('an evening', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-evening-'));
  const complaints: string[] = [];
  let server: Installation;
  let up: RunningUp;
  let browser: Browser;
  let page: Page;
  let live: { stop: () => Promise<void> };
  let sharePath: string;

  beforeAll(async () => {
    server = await install({ TOUCHLINE_WORKERS: '1' });
    up = await server.up({ wallMsMax: 600_000 });
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, bypassCSP: true });
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`));
    const { ingest } = await post<{ ingest: { key: string } }>('/channels', {
      name: 'Pitch 1',
      sport: 'soccer',
    });
    sharePath = (await post<{ path: string }>('/channels/Pitch%201/share-links', { label: 'Camera 1' })).path;
    const recording = join(folder, 'match.mp4');
    writeRoaringMatch(recording, { seconds: 40, roarAtSeconds: 12 });
    live = await pushLive({
      file: recording,
      url: `rtmp://127.0.0.1:${server.env['TOUCHLINE_RTMP_PORT']}/live/${ingest.key}`,
    });
  }, timeout);

  afterAll(async () => {
    await live?.stop();
    await browser?.close();
    await up?.stop();
    server?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function post<T>(path: string, body: unknown): Promise<T> {
    const response = await fetch(`${up.url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${up.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await response.json()) as T;
  }

  it('begins with a one-time link, a name and a password', async () => {
    const { link } = await post<{ link: string }>('/users', { name: 'Ana', role: 'admin' });
    await page.goto(`${up.url}${link}`);
    await page.fill('#field-password', 'eleven men and a ball');
    await page.click('button[type=submit]');
    await page.waitForSelector('.shell');
    expect(page.url()).toBe(`${up.url}/`);
  });

  it('shows the contributor, who has a link and no account, that the feed is right', async () => {
    const phone = await browser.newPage({ viewport: { width: 390, height: 844 } });
    await phone.goto(`${up.url}${sharePath}`);
    await phone.waitForSelector('.contributor .state-live', { timeout: 30_000 });
    await phone.close();
  });

  it('brings the first moment by itself; a key approves it, another takes that back', async () => {
    await page.waitForSelector('.queue .row', { timeout: 60_000 });
    await page.waitForSelector('.screen video.active', { timeout: 30_000 });
    const label = await page.textContent('.queue .row b');
    expect(label).toContain('crowd-roar');
    expect(await page.locator('.reasons li').count()).toBeGreaterThan(0);
    await page.keyboard.press('a');
    await page.waitForSelector('.toast');
    await decided('approved', 1);
    await page.keyboard.press('Control+z');
    await decided('approved', 0);
    await page.waitForSelector('.queue .row[aria-current=true]');
    await page.keyboard.press('a');
    await decided('approved', 1);
  });

  it('loses no decision over a restart of the server, and finds its way back by itself', async () => {
    await up.stop();
    up = await server.up({ wallMsMax: 600_000 });
    await page.waitForSelector('.connection-live', { timeout: 60_000 });
    await decided('approved', 1);
  });

  it('shows whatever somebody typed as text', async () => {
    const { clips } = (await up.get('/api/v1/clips')) as { clips: { id: string }[] };
    const clip = clips[0]?.id ?? '';
    for (const payload of payloads) {
      await post('/channels', { name: payload.slice(0, 63), sport: 'soccer' });
      await post('/tokens', { name: payload.slice(0, 60), scopes: ['read'] });
      await post('/users', { name: payload.slice(0, 60), role: 'viewer' });
    }
    const response = await fetch(`${up.url}/api/v1/clips/${clip}/edit`, {
      headers: { authorization: `Bearer ${up.token}` },
    });
    const { wanted } = (await response.json()) as { wanted: { tags: string[] } };
    const saved = await fetch(`${up.url}/api/v1/clips/${clip}/edit`, {
      method: 'PUT',
      headers: {
        authorization: `Bearer ${up.token}`,
        'content-type': 'application/json',
        'if-match': response.headers.get('etag') ?? '',
      },
      body: JSON.stringify({
        ...wanted,
        title: payloads[0],
        tags: payloads.map((text) => text.slice(0, 40)),
      }),
    });
    expect(saved.status).toBe(200);
    for (const path of ['/?', '/channels', '/live', '/settings', `/clips/${clip}`, '/operations']) {
      await page.goto(up.url + path);
      await page.waitForSelector('.shell');
      await page.waitForTimeout(400);
    }
    await page.goto(`${up.url}/channels`);
    await page.waitForSelector('.channel');
    expect(await page.locator('.channel h2 a').allTextContents()).toContain(payloads[0]);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  it.each(['/', '/live', '/channels', '/operations', '/settings'])(
    'can be used without eyes or a mouse: nothing serious that axe finds on %s',
    async (path) => {
      await page.goto(up.url + path);
      await page.waitForSelector('.shell');
      await page.waitForTimeout(500);
      await page.evaluate(readFileSync(axeSource, 'utf8'));
      const found = await page.evaluate<string[]>(
        `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
          violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | ')))`,
      );
      expect(found).toEqual([]);
    },
  );

  async function decided(decision: string, count: number): Promise<void> {
    let found = -1;
    for (let nth = 0; nth < 100 && found !== count; nth += 1) {
      const page = (await up.get(`/api/v1/review?decision=${decision}`)) as { moments: unknown[] };
      found = page.moments.length;
      if (found !== count) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(found).toBe(count);
  }
});
