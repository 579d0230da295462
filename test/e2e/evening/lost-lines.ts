import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';

import type { Evening } from '../../support/evening.ts';
import { decided, inPage, readEdit } from './editing.ts';
import type { People } from './people.ts';

/** A laptop sleeps. */
export function linesOfEditorsAreLost(evening: () => Evening, people: People): void {
  it('shows a laptop that slept what happened meanwhile, and carries out what was decided there', async () => {
    const { bo } = people;
    const { momentId } = people;
    const undecide = async () =>
      await evening().ask('POST', `/moments/${momentId}/decision`, { decision: 'undecided' });
    await undecide();
    await bo.page.goto(`${evening().lineUrl}/`);
    const channels = await bo.context.newPage();
    await channels.goto(`${evening().lineUrl}/channels`);
    await channels.waitForSelector('.channel');
    await bo.page.bringToFront();
    await bo.page.waitForSelector('.connection-live');
    await bo.page.waitForSelector(`#${momentId}[aria-current=true]`);

    cut(evening());
    await bo.page.waitForSelector('.connection-lost');
    await bo.page.keyboard.press('x');
    await bo.page.waitForSelector('.toast');
    expect(await decided(evening(), 'rejected')).toEqual([]);
    evening().line.set({});
    await bo.page.waitForSelector('.connection-live', { timeout: 30_000 });
    await expect
      .poll(async () => await decided(evening(), 'rejected'), { timeout: 15_000 })
      .toEqual([momentId]);
    // Whether the page has heard that it arrived or not.
    cut(evening());
    await bo.page.waitForSelector('.connection-lost');
    await undecide();
    await evening().ask('POST', '/channels', { name: 'Pitch 2', sport: 'soccer' });
    evening().line.set({});
    await bo.page.waitForSelector(`#${momentId}`, { timeout: 30_000 });
    await channels.bringToFront();
    await channels.getByRole('link', { name: 'Pitch 2' }).waitFor();
    await channels.close();
  });

  it('shows what another editor said of a moment, where the line broke right behind a decision that the server took', async () => {
    const { bo, momentId } = people;
    const { page } = bo;
    await page.bringToFront();
    // What the last step decided is on its way no longer.
    await expect.poll(async () => await inPage<number>(page, pendingCount), { timeout: 15_000 }).toBe(0);
    const keys: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/moments/decisions'))
        keys.push(request.headers()['idempotency-key'] ?? 'none');
    });
    // Before the page is opened anew: one that is open already may send its next request past a new route.
    await page.route(
      '**/moments/decisions',
      async (route) => {
        expect((await route.fetch()).status()).toBe(200);
        cut(evening());
        await route.abort('connectionreset');
      },
      { times: 1 },
    );
    await page.goto(`${evening().lineUrl}/`);
    await page.waitForSelector('.connection-live');
    await page.waitForSelector(`#${momentId}[aria-current=true]`);
    await page.keyboard.press('x');
    await page.waitForSelector('.connection-lost');
    expect(await decided(evening(), 'rejected')).toEqual([momentId]);
    expect(await inPage<number>(page, pendingCount)).toBe(1);
    await evening().ask('POST', `/moments/${momentId}/decision`, { decision: 'undecided' });
    evening().line.set({});
    await page.waitForSelector(`#${momentId}`, { timeout: 30_000 });
    await expect.poll(async () => await inPage<number>(page, pendingCount), { timeout: 15_000 }).toBe(0);
    expect(await decided(evening(), 'rejected')).toEqual([]);
    expect(await page.locator(`#${momentId}`).count()).toBe(1);
    expect([keys.length > 1, new Set(keys).size]).toEqual([true, 1]);
    await evening().ask('POST', `/moments/${momentId}/decision`, { decision: 'approved' });
  });
}

/** The feed ends; the server is started anew; both come back. */
export function theFeedAndTheServerAreLost(evening: () => Evening, people: People): void {
  it('turns red on the contributor’s phone by itself when the feed ends', async () => {
    expect(await colourOfState(people.phone)).toBe('green');
    await people.feed.stop();
    await people.phone.waitForSelector('.contributor .state-offline', { timeout: 30_000 });
    expect(await people.phone.textContent('.contributor .word')).toBe('Offline');
    expect(await colourOfState(people.phone)).toBe('red');
  });

  it('loses no decision and no edit over a restart of the server, and finds its way back by itself', async () => {
    const before = await readEdit(evening(), people.clipId);
    const approved = await decided(evening(), 'approved');
    expect(approved).toContain(people.momentId);
    await people.ana.page.goto(`${evening().up.url}/`);
    await people.ana.page.waitForSelector('.connection-live');
    await evening().restart();
    expect(await decided(evening(), 'approved')).toEqual(approved);
    expect((await readEdit(evening(), people.clipId)).body.history).toEqual(before.body.history);
    await people.ana.page.waitForSelector('.connection-live', { timeout: 60_000 });
    await people.bo.page.waitForSelector('.connection-live', { timeout: 60_000 });
  });

  it('turns green again when the feed is back, and nobody has touched the phone', async () => {
    people.feed = await evening().push();
    await people.phone.waitForSelector('.contributor .state-live', { timeout: 30_000 });
    expect(await colourOfState(people.phone)).toBe('green');
  });
}

const pendingCount =
  "() => Object.keys(localStorage).filter((name) => name.includes('pending-decision')).length";

/** As when the lid is closed: nothing that was open is open any more, and nothing new gets through. */
function cut({ line }: Evening): void {
  line.set({ reset: 1 });
  line.breakAll();
}

async function colourOfState(page: Page): Promise<string> {
  const colour = await inPage<string>(
    page,
    "() => getComputedStyle(document.querySelector('.contributor .word')).color",
  );
  const [red = 0, green = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return red > green * 1.3 ? 'red' : green > red * 1.3 ? 'green' : colour;
}
