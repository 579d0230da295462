/**
 * The console with 2,000 moments and their clips in a real browser: from a key to the picture that answers it, from a decision to the
 * next clip's first frame, the list while it scrolls, the first load, and what the server takes for its lists.
 *
 *   npm run build && npx tsx bench/console.ts
 *
 * "Bare" is the floor of this machine: a page that does the same and nothing else, in the same browser, in the same run. Needs
 * Debian's chromium; it draws without a GPU.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import { chromium, type Page } from 'playwright-core';

import { multiplyClip, writeMatch720 } from './support/fill-review.ts';
import { startMeasuredServer } from './support/measured-server.ts';

const momentCount = 2_000;
/** An editor at work looks at each for a moment; a quick one hardly does. */
const paces = [
  { name: 'one decision each 0.8 s', pauseMs: 800, count: 40 },
  { name: 'four decisions a second', pauseMs: 250, count: 40 },
] as const;
const frameMs = 1000 / 60;
const focusMoved = `document.querySelector('.queue').getAttribute('aria-activedescendant') !== state.activeId`;
const barePage = `<!doctype html><style>body{margin:0;font:16px sans-serif}#box{height:700px;width:400px;overflow:auto}
#all{height:152000px}video{width:900px;height:600px}</style><p id=word>no</p><div id=box class=queue><div id=all></div></div>`;

const folder = mkdtempSync(join(tmpdir(), 'touchline-bench-'));
const server = await startMeasuredServer({ TOUCHLINE_WORKERS: '1' });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  const recording = join(folder, 'match.mp4');
  writeMatch720(recording);
  await server.run(['ingest', recording, '--as', 'Pitch 1', '--json']);
  await multiplyClip(server.catalogue, { storeFolder: join(server.home, 'store'), count: momentCount });

  const lists = await measureLists();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`page error: ${error.message}`));
  await signIn(page);
  const load = await measureLoad(page);
  const keys = await measureKeys(page);
  const decisions = [];
  for (const pace of paces) decisions.push({ name: pace.name, ...(await measureDecisions(page, pace)) });
  const scrolls = await measureScrolls(page);
  const bare = await context.newPage();
  await bare.route('**/bare', async (route) => {
    await route.fulfill({ contentType: 'text/html', body: barePage });
  });
  const floor = await measureBare(bare);

  console.log(
    [
      '| from a key to its picture, ms | p50 | p95 | most | of |',
      '| --- | --- | --- | --- | --- |',
      row('bare page: a word changes', floor.keys),
      ...keys.map(([what, all]) => row(what, all)),
      ...decisions.map(({ name, feedback }) => row(`A and X, ${name}`, feedback)),
      '',
      "| from a decision to the next clip's first frame, ms | p50 | p95 | most | of |",
      '| --- | --- | --- | --- | --- |',
      row('bare page: a video that is ready begins to play', floor.frames),
      ...decisions.map(({ name, frames }) => row(name, frames)),
      '',
      '| frames while it scrolls | frames/s | p95, ms | most, ms | late by more than 4 ms |',
      '| --- | --- | --- | --- | --- |',
      scrollRow('bare page: an empty box of the same height', floor.scroll),
      ...scrolls.map(([what, all]) => scrollRow(what, all)),
      '',
      '| what is asked of the server | p50, ms | p95, ms | kB | kB gzip |',
      '| --- | --- | --- | --- | --- |',
      ...lists.map(
        ({ what, all, bytes, gzipBytes }) =>
          `| ${what} | ${at(all, 0.5)} | ${at(all, 0.95)} | ${kb(bytes)} | ${kb(gzipBytes)} |`,
      ),
      '',
      `first load of /: ${load.words}; bare page: first paint ${Math.round(floor.firstPaintMs)} ms`,
    ].join('\n'),
  );
} finally {
  await browser.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function measureLists() {
  const pages = [
    ['GET /livez (the floor)', '/livez', 60],
    ['GET /review?limit=500, first page of four', '/api/v1/review?limit=500', 30],
    ['GET /review?limit=1 (the counts)', '/api/v1/review?limit=1', 60],
    ['GET /review?q=roar&limit=500', '/api/v1/review?q=roar&limit=500', 20],
    ['GET /moments?limit=200', '/api/v1/moments?limit=200', 20],
    ['GET /clips?limit=200', '/api/v1/clips?limit=200', 20],
  ] as const;
  const found = [];
  for (const [what, path, count] of pages) {
    const all: number[] = [];
    let body = Buffer.alloc(0);
    for (let nth = 0; nth < count; nth += 1) {
      const startMs = performance.now();
      const response = await fetch(server.url + path, {
        headers: { authorization: `Bearer ${server.token}` },
      });
      body = Buffer.from(await response.arrayBuffer());
      if (!response.ok) throw new Error(`${path}: ${body.toString().slice(0, 200)}`);
      // The first is compiled and cached for the others.
      if (nth > 0) all.push(performance.now() - startMs);
    }
    found.push({ what, all, bytes: body.length, gzipBytes: gzipSync(body).length });
  }
  return found;
}

async function signIn(page: Page): Promise<void> {
  const response = await fetch(`${server.url}/api/v1/users`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Ana', role: 'admin' }),
  });
  const { link } = (await response.json()) as { link: string };
  await page.goto(`${server.url}${link}`);
  await page.fill('#field-password', 'eleven men and a ball');
  await page.click('button[type=submit]');
  await page.waitForSelector('.shell');
}

/** Signed in, and nothing in the browser's cache. */
async function measureLoad(page: Page): Promise<{ words: string }> {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.clearBrowserCache');
  const scripts: Buffer[] = [];
  page.on('response', (response) => {
    if (new URL(response.url()).pathname.endsWith('.js')) {
      void response.body().then(
        (body) => scripts.push(body),
        () => undefined,
      );
    }
  });
  const startMs = performance.now();
  await page.goto(`${server.url}/`);
  await page.waitForSelector('.queue .row');
  const rowsMs = performance.now() - startMs;
  await page.waitForFunction(`document.querySelector('video.active')?.currentTime > 0`);
  const playsMs = performance.now() - startMs;
  await page.waitForFunction(`document.querySelector('.queue-all').offsetHeight > ${momentCount * 70}`);
  const wholeMs = performance.now() - startMs;
  const paintMs = await page.evaluate<number>(
    `performance.getEntriesByName('first-contentful-paint')[0].startTime`,
  );
  const bytes = scripts.reduce((sum, body) => sum + brotliCompressSync(body).length, 0);
  const words =
    `first paint ${Math.round(paintMs)} ms, first rows ${Math.round(rowsMs)} ms, clip plays ${Math.round(playsMs)} ms, ` +
    `all ${momentCount} rows ${Math.round(wholeMs)} ms; ${kb(bytes)} kB of JavaScript as brotli`;
  return { words };
}

/** Presses a key and waits until `holds` is true in a frame that was painted. Ms since the browser had the key. */
async function press(page: Page, key: string, holds: string): Promise<number> {
  await page.evaluate(`(() => {
    const state = { activeId: document.querySelector('.queue')?.getAttribute('aria-activedescendant'),
      src: document.querySelector('video.active')?.src, atS: document.querySelector('video.active')?.currentTime };
    const video = () => document.querySelector('video.active');
    const holds = () => ${holds};
    window.painted = new Promise((resolve) => addEventListener('keydown', ({ timeStamp }) => {
      const look = () => {
        const isThere = holds();
        requestAnimationFrame(() => {
          if (!isThere && !holds()) return look();
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve(performance.now() - timeStamp);
          port2.postMessage(0);
        });
      };
      // Behind the page's own listeners.
      queueMicrotask(look);
    }, { once: true, capture: true }));
    window.played = new Promise((resolve) => addEventListener('keydown', ({ timeStamp }) => {
      const look = () => {
        const now = video();
        if (!now || now.src === state.src) return requestAnimationFrame(look);
        now.requestVideoFrameCallback(() => resolve(performance.now() - timeStamp));
      };
      requestAnimationFrame(look);
    }, { once: true, capture: true }));
  })()`);
  await page.keyboard.press(key);
  return await page.evaluate<number>('window.painted');
}

async function measureKeys(page: Page): Promise<[string, number[]][]> {
  const all = new Map<string, number[]>();
  const note = async (what: string, key: string, holds: string) => {
    all.set(what, [...(all.get(what) ?? []), await press(page, key, holds)]);
    await page.waitForTimeout(150);
  };
  for (let nth = 0; nth < 25; nth += 1) {
    await note('J, backwards', 'j', 'video().paused && video().currentTime !== state.atS');
    await note('K, stop', 'k', 'video().paused');
    await note('L, forwards', 'l', '!video().paused');
    await note('down, the next row', 'ArrowDown', focusMoved);
  }
  return [...all];
}

async function measureDecisions(
  page: Page,
  { pauseMs, count }: (typeof paces)[number],
): Promise<{ feedback: number[]; frames: number[] }> {
  const feedback: number[] = [];
  const frames: number[] = [];
  await page.waitForTimeout(2_000);
  for (let nth = 0; nth < count; nth += 1) {
    const startMs = performance.now();
    feedback.push(await press(page, nth % 2 === 0 ? 'a' : 'x', focusMoved));
    frames.push(await page.evaluate<number>('window.played'));
    await page.waitForTimeout(Math.max(0, pauseMs - (performance.now() - startMs)));
  }
  return { feedback, frames };
}

/** Intervals between frames, while each frame moves the box by so much. */
function scrollScript(selector: string, pxPerFrame: number, ms: number): string {
  return `new Promise((resolve) => {
    const box = document.querySelector('${selector}');
    const intervals = [];
    let before;
    let step = ${pxPerFrame};
    const begin = performance.now();
    const next = (at) => {
      if (before !== undefined) intervals.push(at - before);
      before = at;
      box.scrollTop += step;
      if (box.scrollTop <= 0 || box.scrollTop + box.clientHeight >= box.scrollHeight) step = -step;
      if (at - begin < ${ms}) requestAnimationFrame(next);
      else resolve(intervals.slice(1));
    };
    requestAnimationFrame(next);
  })`;
}

async function measureScrolls(page: Page): Promise<[string, number[]][]> {
  const scroll = async (px: number) => await page.evaluate<number[]>(scrollScript('.queue', px, 5_000));
  const playing = await scroll(30);
  await press(page, 'k', 'video().paused');
  const still = await scroll(30);
  const fast = await scroll(600);
  const rows = await page.locator('.queue .row').count();
  return [
    [`30 px a frame, while the clip plays (${rows} of ${momentCount} rows are in the page)`, playing],
    ['30 px a frame, the clip stands', still],
    ['600 px a frame, the clip stands', fast],
  ];
}

async function measureBare(page: Page) {
  const { moments } = (await (
    await fetch(`${server.url}/api/v1/review?limit=60`, {
      headers: { authorization: `Bearer ${server.token}` },
    })
  ).json()) as { moments: { videoUrl: string }[] };
  await page.goto(`${server.url}/bare`);
  await page.evaluate(
    `addEventListener('keydown', ({ key }) => document.getElementById('word').textContent = key + performance.now())`,
  );
  await page.waitForTimeout(500);
  const firstPaintMs = await page.evaluate<number>(
    `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0`,
  );
  const keys: number[] = [];
  for (let nth = 0; nth < 40; nth += 1) {
    await page.evaluate(`window.before = document.getElementById('word').textContent`);
    keys.push(await press(page, 'a', `document.getElementById('word').textContent !== window.before`));
    await page.waitForTimeout(100);
  }
  const scroll = await page.evaluate<number[]>(scrollScript('#box', 30, 5_000));
  const frames: number[] = [];
  for (const { videoUrl } of moments.slice(0, 30)) {
    frames.push(
      await page.evaluate<number>(`new Promise((resolve) => {
        const video = document.createElement('video');
        Object.assign(video, { src: '${videoUrl}', preload: 'auto', muted: true });
        document.body.append(video);
        video.addEventListener('canplaythrough', () => setTimeout(() => {
          const startMs = performance.now();
          video.requestVideoFrameCallback(() => {
            resolve(performance.now() - startMs);
            video.remove();
          });
          void video.play();
        }, 200), { once: true });
      })`),
    );
  }
  return { keys, scroll, frames, firstPaintMs };
}

function row(what: string, all: readonly number[]): string {
  return `| ${what} | ${at(all, 0.5)} | ${at(all, 0.95)} | ${at(all, 1)} | ${all.length} |`;
}

function scrollRow(what: string, all: readonly number[]): string {
  const perSecond = (1000 * all.length) / all.reduce((sum, one) => sum + one, 0);
  const late = all.filter((one) => one > frameMs + 4).length / all.length;
  return `| ${what} | ${perSecond.toFixed(1)} | ${at(all, 0.95)} | ${at(all, 1)} | ${(late * 100).toFixed(1)} % |`;
}

function at(all: readonly number[], share: number): string {
  const sorted = all.toSorted((one, other) => one - other);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

function kb(bytes: number): string {
  return (bytes / 1000).toFixed(1);
}
