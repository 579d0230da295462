// Opens every page of a real server in Chromium and writes what it looks like to docs/screenshots/.
// npx tsx scripts/screenshots.ts   (after: node scripts/build.mjs)
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium, type Page } from 'playwright-core';

import { pushLive } from '../test/support/live-push.ts';
import { writeRoaringMatch } from '../test/support/roaring-match.ts';
import { install } from '../test/support/touchline.ts';

const folder = fileURLToPath(new URL('../docs/screenshots/', import.meta.url));
const sizes = [
  { name: 'desk', width: 1440, height: 900 },
  { name: 'phone', width: 390, height: 844 },
] as const;
const themes = ['dark', 'light'] as const;

mkdirSync(folder, { recursive: true });
const work = mkdtempSync(join(tmpdir(), 'touchline-shots-'));
const server = await install({ TOUCHLINE_WORKERS: '1' });
const up = await server.up();
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  const recording = join(work, 'match.mp4');
  writeRoaringMatch(recording, { seconds: 120, roarAtSeconds: 60 });
  await server.run(['ingest', recording, '--as', 'Court 2', '--json'], { wallMsMax: 240_000 });
  const { key } = await made('Pitch 1');
  const live = await pushLive({
    file: recording,
    url: `rtmp://127.0.0.1:${server.env['TOUCHLINE_RTMP_PORT']}/live/${key}`,
  });
  const link = await post<{ path: string }>('/channels/Pitch%201/share-links', {
    label: 'Camera 1',
    withKey: true,
  });
  const { clips } = (await up.get('/api/v1/clips')) as { clips: { id: string; channelId: string }[] };
  const clip = clips[0];
  const channels = (await up.get('/api/v1/channels')) as { channels: { id: string; name: string }[] };
  const pitch = channels.channels.find(({ name }) => name === 'Pitch 1')?.id ?? '';
  const publicClip = await post<{ path: string }>(`/clips/${clip?.id ?? ''}/links`, {});
  await post('/webhooks', { url: 'https://hooks.example/touchline', description: 'The newsroom' });
  await new Promise((resolve) => setTimeout(resolve, 15_000));

  for (const theme of themes) {
    for (const size of sizes) {
      const context = await browser.newContext({ viewport: size, colorScheme: theme, deviceScaleFactor: 1 });
      const page = await context.newPage();
      page.on('pageerror', (error) => console.error(`page error: ${error.message}`));
      page.on('console', (message) => {
        if (message.type() === 'error') console.error(`console: ${message.text()}`);
      });
      const shoot = async (name: string, path: string, ready: string, act?: () => Promise<unknown>) => {
        await page.goto(`${up.url}${path}`);
        await page
          .waitForSelector(ready, { timeout: 20_000 })
          .catch(() => console.error(`${name}: no ${ready}`));
        await act?.();
        await page.waitForTimeout(1_500);
        await page.screenshot({ path: join(folder, `${name}-${size.name}-${theme}.png`) });
      };
      await shoot('sign-in', '/', '.login');
      await signIn(page);
      await shoot('review', '/', '.queue .row');
      await shoot('editor', `/clips/${clip?.id ?? ''}`, 'canvas');
      await shoot('live', '/live', 'main .tile');
      await shoot('channels', '/channels', '.channel');
      await shoot('stream', `/channels/${pitch}`, 'canvas');
      await shoot('operations', '/operations', '.big-numbers');
      await shoot('waterfall', `/operations/clips/${clip?.id ?? ''}`, '.waterfall');
      await shoot('settings', '/settings', '#settings-panel section');
      await shoot('webhooks', '/settings', '#tab-Webhooks', async () => {
        await page.click('#tab-Webhooks');
        await page.waitForSelector('#settings-panel[aria-labelledby=tab-Webhooks] section');
      });
      await shoot('export', `/clips/${clip?.id ?? ''}`, '.trim-handle', async () => {
        await page.keyboard.press('Shift+D');
        await page.waitForSelector('dialog.export[open]');
      });
      await shoot('not-found', '/nowhere', '.not-found');
      await shoot('clip-link', publicClip.path, 'main video');
      await shoot('contributor', link.path, '.contributor .state');
      await context.close();
    }
  }
  await live.stop();
} finally {
  await browser.close();
  await up.stop();
  server.remove();
  rmSync(work, { recursive: true, force: true });
}

async function made(name: string): Promise<{ key: string }> {
  return (await post<{ ingest: { key: string } }>('/channels', { name, sport: 'soccer' })).ingest;
}

async function post<T>(path: string, body: unknown): Promise<T> {
  const response = await fetch(`${up.url}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${up.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as T;
}

/** The first makes the account by a link; the others sign in. */
async function signIn(page: Page): Promise<void> {
  const password = 'eleven men and a ball';
  const { users } = (await up.get('/api/v1/users')) as { users: unknown[] };
  if (users.length === 0) {
    const { link } = await post<{ link: string }>('/users', { name: 'Ana', role: 'admin' });
    await page.goto(`${up.url}${link}`);
    await page.fill('#field-password', password);
  } else {
    await page.fill('#field-name', 'Ana');
    await page.fill('#field-password', password);
  }
  await page.click('button[type=submit]');
  await page.waitForSelector('.shell');
}
