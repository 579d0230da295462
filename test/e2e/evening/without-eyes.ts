import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';

import type { Evening } from '../../support/evening.ts';
import { decided, inPage } from './editing.ts';
import type { People } from './people.ts';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const tabs = ['You', 'View', 'Tokens', 'Webhooks', 'People'] as const;

/** Each page and what is there when it is whole: those that everybody has, and those of a clip. */
const pages = [
  { name: 'live', path: () => '/live', ready: '.tile' },
  { name: 'channels', path: () => '/channels', ready: '.channel' },
  { name: 'operations', path: () => '/operations', ready: '.big-numbers' },
  { name: 'an address that is none', path: () => '/nowhere', ready: '.not-found' },
  { name: 'a clip that is none', path: () => '/clips/clp_none', ready: '.not-found' },
  { name: 'a channel that is none', path: () => '/channels/ch_none', ready: '.not-found' },
  { name: 'a waterfall of none', path: () => '/operations/clips/clp_none', ready: '.not-found' },
] as const;
const clipPages = [
  { name: 'review', path: () => '/', ready: '.action-bar' },
  { name: 'editor', path: ({ clipId }: People) => `/clips/${clipId}`, ready: '.trim-handle' },
  { name: 'stream', path: () => '/channels/Pitch%201', ready: '.stream-moments, .stream-page canvas' },
  { name: 'waterfall', path: ({ clipId }: People) => `/operations/clips/${clipId}`, ready: '.waterfall' },
] as const;

/** For those who hear the page. */
export function pagesWithoutEyes(evening: () => Evening, people: People): void {
  it.each(pages)('has nothing serious that axe finds on $name', async ({ path, ready }) => {
    const { page } = people.ana;
    await page.goto(evening().up.url + path());
    await page.waitForSelector(ready);
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('has nothing serious that axe finds in any tab of the settings', async () => {
    const { page } = people.ana;
    await page.goto(`${evening().up.url}/settings`);
    for (const tab of tabs) {
      await page.getByRole('tab', { name: tab }).click();
      await page.waitForSelector(`#settings-panel[aria-labelledby=tab-${tab}] section`);
      expect(await seriousFindings(page), tab).toEqual([]);
    }
  });

  it('has nothing serious that axe finds where nobody is signed in', async () => {
    const context = await evening().visitor({ width: 390, height: 844 });
    const page = await context.newPage();
    await page.goto(evening().up.url);
    await page.waitForSelector('.login form');
    expect(await seriousFindings(page), 'login').toEqual([]);
    const { link } = (
      await evening().ask<{ link: string }>('POST', '/users', { name: 'Cem', role: 'viewer' })
    ).body;
    await page.goto(evening().up.url + link);
    await page.waitForSelector('.login form');
    expect(await seriousFindings(page), 'welcome').toEqual([]);
    await page.goto(`${evening().up.url}/welcome#wrong`);
    await page.waitForSelector('.problem');
    expect(await seriousFindings(page), 'a link that does not work').toEqual([]);
    await page.goto(evening().up.url + evening().sharePath);
    await page.waitForSelector('.contributor .ingest');
    expect(await seriousFindings(page), 'contributor').toEqual([]);
    await context.close();
  });
}

/** The pages of a clip; and the whole way of those who have no mouse. */
export function clipsWithoutEyesOrMouse(evening: () => Evening, people: People): void {
  it.each(clipPages)('has nothing serious that axe finds on $name', async ({ path, ready }) => {
    const { page } = people.ana;
    await evening().ask('POST', `/moments/${people.momentId}/decision`, { decision: 'undecided' });
    await page.goto(evening().up.url + path(people));
    await page.waitForSelector(ready, { timeout: 90_000 });
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('has nothing serious that axe finds on the page of a clip for people without an account', async () => {
    const { body } = await evening().ask<{ path: string }>('POST', `/clips/${people.clipId}/links`, {});
    const context = await evening().visitor({ width: 390, height: 844 });
    const page = await context.newPage();
    await page.goto(evening().up.url + body.path);
    await page.waitForSelector('main video');
    expect(await seriousFindings(page)).toEqual([]);
    await page.goto(`${evening().up.url}/p/none`);
    await page.waitForSelector('main.sorry');
    expect(await seriousFindings(page), 'a link that does not work').toEqual([]);
    await context.close();
  });

  it.each([
    { name: 'the keys', key: '?', dialog: 'dialog.key-help', close: undefined },
    { name: 'the export', key: 'Shift+D', dialog: 'dialog.export', close: undefined },
    { name: 'the export that was used', key: 'Shift+D', dialog: 'dialog.export', close: 'CSV' },
  ])('keeps the focus within $name, and gives it back where it was', async ({ key, dialog, close }) => {
    const { page } = people.ana;
    await page.goto(`${evening().up.url}/`);
    await page.waitForSelector('.queue .row[aria-current=true]');
    await page.focus('.action-bar button.main');
    await page.keyboard.press(key);
    await page.waitForSelector(`${dialog}[open]`);
    expect(await seriousFindings(page)).toEqual([]);
    for (let nth = 0; nth < 12; nth += 1) {
      // Behind its last control comes the browser's own; never the page below.
      expect(await inPage<boolean>(page, isWithin, dialog), `after ${nth} Tabs`).toBe(true);
      await page.keyboard.press('Tab');
    }
    if (close === undefined) await page.keyboard.press('Escape');
    else await page.locator(dialog).getByRole('button', { name: close }).press('Enter');
    await page.waitForSelector(`${dialog}[open]`, { state: 'detached' });
    expect(
      await inPage<boolean>(page, "() => document.activeElement.matches('.action-bar button.main')"),
    ).toBe(true);
  });

  it('leads from the sign-in to an approved clip by Tab, Enter and letters alone', async () => {
    await evening().ask('POST', `/moments/${people.momentId}/decision`, { decision: 'undecided' });
    const before = await decided(evening(), 'approved');
    const context = await evening().visitor();
    const page = await context.newPage();
    await page.goto(evening().up.url);
    await page.waitForSelector('.login form');
    await tabTo(page, '#field-name');
    await page.keyboard.type(people.bo.name);
    await tabTo(page, '#field-password');
    await page.keyboard.type(people.bo.password);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.queue .row[aria-current=true]');
    await tabTo(page, '.skip');
    await page.keyboard.press('Enter');
    await tabTo(page, '.action-bar button.main');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.toast');
    await expect
      .poll(async () => await decided(evening(), 'approved'), { timeout: 10_000 })
      .toHaveLength(before.length + 1);
    await context.close();
  });
}

/** Presses Tab until the focus is where it shall be; wherever it comes by, it must be seen. */
async function tabTo(page: Page, selector: string): Promise<void> {
  const seen: string[] = [];
  for (let nth = 0; nth < 80; nth += 1) {
    const at = await inPage<{ isThere: boolean; isSeen: boolean; what: string }>(page, focusAt, selector);
    if (nth > 0 || at.isThere) expect(at.isSeen, `the focus on ${at.what} is not seen`).toBe(true);
    if (at.isThere) return;
    seen.push(at.what);
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to ${selector}, only to: ${seen.join(', ')}`);
}

const focusAt = `(selector) => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
  const isSeen = one === document.body || (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
  return { isThere: one.matches(selector), isSeen, what: one.outerHTML.slice(0, 80) };
}`;

const isWithin = `(selector) => {
  const one = document.activeElement;
  return one === document.body || one.closest(selector) !== null;
}`;

/** What axe calls serious or critical, in the dark and in the light. */
async function seriousFindings(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(axeSource);
  await page.emulateMedia({ colorScheme: 'dark' });
  const found = await inPage<string[]>(page, runAxe, 'dark', {});
  await page.emulateMedia({ colorScheme: 'light' });
  // What a theme changes is the colours.
  return [...found, ...(await inPage<string[]>(page, runAxe, 'light', { runOnly: ['color-contrast'] }))];
}

const runAxe = `async (theme, options) => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'], ...options });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => theme + ' ' + id + ': ' + nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | '));
}`;
