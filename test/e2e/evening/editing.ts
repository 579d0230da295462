import { join } from 'node:path';

import type { Page } from 'playwright-core';
import { expect } from 'vitest';

import type { ClipEdit } from '../../../web/api/schemas/edit.ts';
import type { ReviewPage } from '../../../web/api/schemas/review.ts';
import type { Answer, Evening } from '../../support/evening.ts';
import { bitPlaces, frameNumberOf } from '../../support/frame-number.ts';

/** Ids of the moments that the server holds as `approved`, `rejected` or `undecided`. */
export async function decided(evening: Evening, decision: string): Promise<string[]> {
  const { body } = await evening.ask<ReviewPage>('GET', `/review?decision=${decision}`);
  return body.moments.map(({ id }) => id);
}

export async function readEdit(evening: Evening, clipId: string): Promise<Answer<ClipEdit>> {
  return await evening.ask<ClipEdit>('GET', `/clips/${clipId}/edit`);
}

export async function openEditor(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.waitForSelector('.trim-handle', { timeout: 90_000 });
}

/** Saves what is in the editor and waits until the server has it. */
export async function save(page: Page): Promise<void> {
  const saved = page.waitForResponse(
    (response) => response.request().method() === 'PUT' && response.url().endsWith('/edit'),
  );
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  expect((await saved).status()).toBe(200);
}

/** Types the title and leaves the field: what follows is no letter in it. */
export async function typeTitle(page: Page, title: string): Promise<void> {
  await page.fill('#clip-title', title);
  await page.locator('#clip-title').blur();
}

/** The number that is burnt into the still at one end of the clip, as the editor sees it. */
export async function stillNumber(page: Page, end: 'In' | 'Out'): Promise<number> {
  type Size = { width: number; height: number };
  let size: Size | null = null;
  // Not by `waitForFunction`: that evaluates text in the page, which its policy forbids.
  await expect
    .poll(async () => (size = await inPage<Size | null>(page, still, end)), { timeout: 20_000 })
    .not.toBeNull();
  return frameNumberOf(
    await inPage<number[]>(page, brightnessAt, end, bitPlaces(size ?? { width: 0, height: 0 })),
  );
}

/** Calls a function in the page. It is text because the types of a browser are not known on this side. */
export async function inPage<T>(page: Page, code: string, ...given: readonly unknown[]): Promise<T> {
  return await page.evaluate<T>(`(${code})(${given.map((one) => JSON.stringify(one)).join(', ')})`);
}

/** How large the still is; null while it is not shown yet. */
const still = `(end) => {
  const figure = [...document.querySelectorAll('.frame-still')].find((one) => one.textContent.startsWith(end));
  const video = figure?.querySelector('video');
  const isShown = video && video.readyState >= 2 && !video.seeking && video.videoWidth > 0;
  return isShown ? { width: video.videoWidth, height: video.videoHeight } : null;
}`;

const brightnessAt = `(end, places) => {
  const figure = [...document.querySelectorAll('.frame-still')].find((one) => one.textContent.startsWith(end));
  const video = figure.querySelector('video');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0);
  return places.map(([x, y]) => pen.getImageData(x, y, 1, 1).data[1]);
}`;

/** Clicks the download of one shape beside the clip, as an editor does, and keeps what the browser got. */
export async function download(
  evening: Evening,
  page: Page,
  shape: string,
): Promise<{ path: string; name: string }> {
  const file = page.locator('.files li', { hasText: shape });
  const [got] = await Promise.all([
    page.waitForEvent('download'),
    file.getByRole('link', { name: 'Download' }).click(),
  ]);
  const path = join(evening.folder, got.suggestedFilename());
  await got.saveAs(path);
  return { path, name: got.suggestedFilename() };
}
