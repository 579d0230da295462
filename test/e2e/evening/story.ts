import { spawnSync } from 'node:child_process';

import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';

import { numberedFrameCount, type Evening } from '../../support/evening.ts';
import { readFrameNumbers, videoSize } from '../../support/frame-number.ts';
import { decided, download, inPage, openEditor, stillNumber } from './editing.ts';
import type { People } from './people.ts';

/** The feed, and the first moment. */
export function aMomentComes(evening: () => Evening, people: People): void {
  it('shows the contributor, who has a link and no account, that the feed is right', async () => {
    await people.phone.waitForSelector('.contributor .state-live', { timeout: 30_000 });
    expect(await people.phone.textContent('.contributor .word')).toBe('Live, all good');
  });

  it('brings the first moment by itself; a key approves it, another takes that back', async () => {
    const { page } = people.ana;
    await page.goto(`${evening().up.url}/`);
    await page.waitForSelector('.queue .row', { timeout: 60_000 });
    await page.waitForSelector('.screen video.active', { timeout: 30_000 });
    expect(await page.textContent('.queue .row b')).toContain('crowd-roar');
    expect(await page.locator('.reasons li').count()).toBeGreaterThan(0);
    const [momentId = ''] = await decided(evening(), 'undecided');
    const approved = async (): Promise<string[]> => await decided(evening(), 'approved');
    await page.keyboard.press('a');
    await page.waitForSelector('.toast');
    await expect.poll(approved, { timeout: 10_000 }).toEqual([momentId]);
    await page.keyboard.press('Control+z');
    await expect.poll(approved, { timeout: 10_000 }).toEqual([]);
    await page.waitForSelector(`#${momentId}[aria-current=true]`);
    await page.keyboard.press('a');
    await expect.poll(approved, { timeout: 10_000 }).toEqual([momentId]);
    people.momentId = momentId;
    people.clipId = (await evening().ask<{ clipId: string }>('GET', `/moments/${momentId}`)).body.clipId;
    // As opening the editor does; it is made while others go on.
    await evening().ask('POST', `/clips/${people.clipId}/context`);
  });
}

/** The cut. Its files are made while others go on with the evening. */
export function itIsCut(evening: () => Evening, people: People): { wanted: { in: number; out: number } } {
  const wanted = { in: 0, out: 0 };

  it('shows the first and the last frame of a cut while it is typed and moved by keys', async () => {
    const { page } = people.ana;
    await openEditor(page, `${evening().up.url}/clips/${people.clipId}`);
    const before = { in: await stillNumber(page, 'In'), out: await stillNumber(page, 'Out') };
    // Neither a keyframe nor a whole second; short, so that its shapes are soon made.
    await page.fill('#clip-in', '+117');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.keyboard.press('[');
    await page.fill('#clip-out', '-5s');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Shift+BracketRight');
    await page.keyboard.press('Shift+BracketRight');
    Object.assign(wanted, { in: frameAfter(before.in, 116), out: frameAfter(before.out, -123) });
    await expect.poll(async () => await stillNumber(page, 'In'), { timeout: 10_000 }).toBe(wanted.in);
    await expect.poll(async () => await stillNumber(page, 'Out'), { timeout: 10_000 }).toBe(wanted.out);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.toast >> text=Saved');
  });
  return { wanted };
}

/** The files. */
export function itIsTakenAlong(
  evening: () => Evening,
  people: People,
  { wanted }: { wanted: { in: number; out: number } },
): void {
  it('cuts to the frame: the file holds what the stills showed, from the first to the last', async () => {
    const { page } = people.ana;
    await openEditor(page, `${evening().up.url}/clips/${people.clipId}`);
    await ready(page, '16:9');
    const { path } = await download(evening(), page, '16:9');
    const count = frameAfter(wanted.out - wanted.in, 0) + 1;
    const numbers = Array.from({ length: count }, (_, nth) => frameAfter(wanted.in, nth));
    expect(readFrameNumbers(path)).toEqual(numbers);
  });

  it('gives the vertical version to take along: 9:16, the same frames, and it plays', async () => {
    const { page } = people.ana;
    await ready(page, '9:16');
    const { path, name } = await download(evening(), page, '9:16');
    expect(name).toMatch(/^clp_.*\.vertical\.mp4$/);
    const { width, height } = videoSize(path);
    // Sizes are even, so a small picture is a pixel or two off.
    expect(Math.abs(width / height - 9 / 16)).toBeLessThan(0.012);
    expect([readFrameNumbers(path)[0], readFrameNumbers(path).at(-1)]).toEqual([wanted.in, wanted.out]);
    const streams = spawnSync('ffprobe', [
      ...'-v error -show_entries stream=codec_type -of csv=p=0'.split(' '),
      path,
    ]);
    expect(streams.stdout.toString().trim().split('\n').toSorted()).toEqual(['audio', 'video']);
    const href = await page.locator('.files li', { hasText: '9:16' }).locator('a').getAttribute('href');
    expect(await inPage<number>(page, playsTo, href?.replace('?download', ''))).toBeGreaterThan(0.2);
  });
}

/** The number that is burnt into the frame so many frames later. */
function frameAfter(number: number, count: number): number {
  return (number + count + numberedFrameCount) % numberedFrameCount;
}

async function ready(page: Page, shape: string): Promise<void> {
  await page.locator('.files li', { hasText: shape }).locator('.file-ready').waitFor({ timeout: 90_000 });
}

/** How far a browser has played a file, once it has played more than a fifth of a second of it. */
const playsTo = `async (url) => {
  const video = document.createElement('video');
  video.muted = true;
  video.src = url;
  await video.play();
  return await new Promise((resolve, reject) => {
    video.addEventListener('error', () => reject(new Error(video.error?.message)));
    video.addEventListener('timeupdate', () => video.currentTime > 0.2 && resolve(video.currentTime));
  });
}`;
