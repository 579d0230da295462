import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Rendition } from '../../core/clip.ts';
import { runFfmpeg } from '../../core/ffmpeg.ts';
import { isOnPath } from '../../core/process.ts';
import { Secret } from '../../core/secret.ts';
import { FakeDesk } from './fake-desk.ts';
import { memoryStore } from './memory-store.ts';
import { startTestWeb } from '../support/test-web.ts';

const chromiumPath = '/usr/bin/chromium';
const token = 'page-token-0123456789';
const evilName = '<img src=x onerror="document.title=1">&amp;';

describe.skipIf(!existsSync(chromiumPath) || !isOnPath('ffmpeg'))('the page in a real browser', () => {
  let browser: Browser;
  let page: Page;
  let desk: FakeDesk;
  let url: string;
  let stop: () => Promise<void>;
  const complaints: string[] = [];

  beforeAll(async () => {
    const clip = { bytes: await makeClip(), contentType: 'video/mp4' };
    desk = new FakeDesk();
    desk.channels.set('ch_1', {
      ...(await desk.createChannel({ name: 'pitch-1' })).channel,
      name: evilName,
      state: 'live',
    });
    ({ url, stop } = await startTestWeb({
      desk,
      store: memoryStore(new Map([rendition('fast'), rendition('exact')].map(({ key }) => [key, clip]))),
      token: new Secret(token),
    }));
    browser = await chromium.launch({
      executablePath: chromiumPath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--autoplay-policy=no-user-gesture-required',
      ],
    });
    page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(`${url}/?token=${token}`);
  });
  afterAll(async () => {
    await browser?.close();
    await stop?.();
  });

  it('drops the token from the address', () => {
    expect(page.url()).toBe(`${url}/`);
  });

  it('shows a channel with its state, what to mend, and its name as text whatever it holds', async () => {
    const card = page.locator('.channel');
    await card.getByRole('heading').waitFor();
    expect(await card.getByRole('heading').textContent()).toBe(evilName);
    expect(await card.locator('img').count()).toBe(0);
    expect(await card.locator('.pill').textContent()).toBe('live');
    expect(await card.locator('.advice').textContent()).toContain('keyframe interval to 2 s');
    expect(await card.locator('code').textContent()).toBe('rtmp://127.0.0.1:1935/live/<key>');
    expect(await page.title()).toBe('Touchline');
  });

  it('shows a moment by itself, with its reasons, and then its clip, which plays', async () => {
    expect(await page.locator('#empty').isVisible()).toBe(true);
    desk.find('mom_1');
    desk.happen('moment.found', 'mom_1');
    const card = page.locator('#mom_1');
    await card.waitFor();
    expect(await card.locator('.reason').count()).toBe(3);
    expect(await card.textContent()).toContain('the score went from 0-0 to 1-0');
    const barWidths = await card
      .locator('.fill')
      .evaluateAll((bars: { style: { width: string } }[]) => bars.map((bar) => bar.style.width));
    expect(barWidths).toEqual(['71%', '22%', '5%']);

    desk.cut('mom_1', 'fast', [rendition('fast')]);
    desk.happen('clip.visible', 'clp_1');
    const video = card.locator('video');
    await video.waitFor();
    expect(await video.getAttribute('src')).toContain('fast-wide');
    const playedS = await video.evaluate(async (element: VideoElement) => {
      element.muted = true;
      await element.play();
      await new Promise<void>((resolve) => {
        element.addEventListener('timeupdate', () => element.currentTime > 1.6 && resolve());
      });
      return element.currentTime;
    });
    expect(playedS).toBeGreaterThan(1.6);
  });

  it('puts the exact clip in the place of the fast one at the same instant, still playing', async () => {
    const { startWallMs } = await desk.getClip('clp_1');
    // The exact one starts 1.2 s later: the fast one began at the keyframe before.
    desk.cut('mom_1', 'exact', [rendition('exact')], { startWallMs: startWallMs + 1_200 });
    const swapped = page.locator('#mom_1 video').evaluate(async (element: VideoElement) => {
      let lastS = element.currentTime;
      const remember = (): void => {
        lastS = element.currentTime || lastS;
      };
      element.addEventListener('timeupdate', remember);
      await new Promise((resolve) => element.addEventListener('loadstart', resolve));
      element.removeEventListener('timeupdate', remember);
      await new Promise((resolve) => element.addEventListener('seeked', resolve));
      return { src: element.src, beforeS: lastS, afterS: element.currentTime, paused: element.paused };
    });
    desk.happen('clip.visible', 'clp_1');
    const { src, beforeS, afterS, paused } = await swapped;
    expect(src).toContain('exact-wide');
    expect(paused).toBe(false);
    // `timeupdate` comes four times a second, so "before" may be a little stale.
    expect(afterS - (beforeS - 1.2)).toBeGreaterThan(-0.1);
    expect(afterS - (beforeS - 1.2)).toBeLessThan(0.8);
    expect(await page.locator('#mom_1 .notes').textContent()).toContain('Exact cut');
  });

  it('takes a decision from the keyboard, and takes it back', async () => {
    await page.keyboard.press('j');
    await page.keyboard.press('a');
    await page.locator('#mom_1[data-decision="approved"]').waitFor();
    expect((await desk.getMoment('mom_1')).decision).toBe('approved');
    await page.keyboard.press('u');
    await page.locator('#mom_1[data-decision="undecided"]').waitFor();
  });

  it('makes a channel and shows its key once', async () => {
    await page.getByLabel('New channel').fill('pitch-2');
    await page.getByLabel('New channel').press('Enter');
    const panel = page.locator('#ch_2 .key');
    await panel.waitFor();
    expect(await panel.textContent()).toContain('k2-not-to-be-repeated');
    await page.reload();
    await page.locator('#ch_2').waitFor();
    expect(await page.textContent('body')).not.toContain('not-to-be-repeated');
  });

  it('tells what the server says when something is refused', async () => {
    await page.getByLabel('New channel').fill('pitch-2');
    await page.getByLabel('New channel').press('Enter');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('choose another name');
    complaints.splice(0); // the browser logs the 409 itself
  });

  it.each(['dark', 'light'] as const)(
    'has a contrast of 4.5 : 1 for all text in the %s theme',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate(paleTexts)).toEqual([]);
    },
  );

  it('fits a telephone without sideways scrolling', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
  });

  it('complains about nothing: no error, no refused script or style', () => {
    expect(complaints).toEqual([]);
  });
});

/** What the tests touch of the browser's own type; the compiler has no DOM here. */
interface VideoElement {
  muted: boolean;
  src: string;
  paused: boolean;
  currentTime: number;
  play(): Promise<void>;
  addEventListener(type: string, listener: (event: unknown) => unknown): void;
  removeEventListener(type: string, listener: (event: unknown) => unknown): void;
}

/** Runs in the page: every visible text whose colour stands out from its ground by less than WCAG 1.4.3 asks. */
const paleTexts = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return { rgb: [r, g, b], alpha: a / 255 };
  };
  const light = (rgb) => rgb
    .map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, index) => sum + c * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    const layers = [];
    for (let node = element; node; node = node.parentElement) {
      const layer = rgba(getComputedStyle(node).backgroundColor);
      if (layer.alpha > 0) layers.push(layer);
      if (layer.alpha === 1) break;
    }
    return layers.reverse().reduce((below, { rgb, alpha }) => below.map((c, i) => c * (1 - alpha) + rgb[i] * alpha), [255, 255, 255]);
  };
  const pale = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join('');
    if (text === '' || !element.checkVisibility()) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color).rgb), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) pale.push(text + ' ' + ratio.toFixed(2));
  }
  return pale;
})()`;

function rendition(revision: 'fast' | 'exact'): Rendition {
  return {
    preset: 'wide',
    key: `clips/ch_1/run_1/clp_1/${revision}-wide.mp4`,
    contentType: 'video/mp4',
    bytes: 1,
    sha256: '',
    durationMs: 20_000,
    width: 320,
    height: 180,
  };
}

async function makeClip(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'touchline-test-'));
  try {
    const args =
      '-f lavfi -i testsrc2=s=320x180:r=25:d=20 -c:v libx264 -preset ultrafast -movflags +faststart clip.mp4';
    await runFfmpeg({
      what: 'making a clip for a test',
      args: args.split(' '),
      wallMsMax: 30_000,
      workFolder: folder,
    });
    return await readFile(join(folder, 'clip.mp4'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
