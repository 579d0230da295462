import { existsSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { beginEvening, chromiumPath, type Evening } from '../support/evening.ts';
import { hostileNamesAreShown, hostileNamesComeIn } from './evening/hostile-names.ts';
import { linesOfEditorsAreLost, theFeedAndTheServerAreLost } from './evening/lost-lines.ts';
import type { People } from './evening/people.ts';
import { aMomentComes, itIsCut, itIsTakenAlong } from './evening/story.ts';
import { twoEdit } from './evening/two-editors.ts';
import { clipsWithoutEyesOrMouse, pagesWithoutEyes } from './evening/without-eyes.ts';

const timeout = 120_000;

/**
 * An evening as editors and contributors live it: a real server, a real feed, real browsers. To start them costs seconds, so its
 * parts share them and follow one another; what takes its time (a moment, a cut) is waited for after the next part.
 */
describe.skipIf(!existsSync(chromiumPath))('an evening', { timeout }, () => {
  let evening: Evening;
  const people = {} as People;
  const now = (): Evening => evening;

  beforeAll(async () => {
    evening = await beginEvening();
    people.feed = await evening.push();
    const phone = await evening.visitor({ width: 390, height: 844 });
    people.phone = await phone.newPage();
    await people.phone.goto(evening.up.url + evening.sharePath);
  }, timeout);

  afterAll(async () => {
    await people.feed?.stop();
    await evening?.end();
  }, timeout);

  it('begins with a one-time link and a password', async () => {
    people.ana = await evening.invite('Ana', 'admin');
    expect(people.ana.page.url()).toBe(`${evening.up.url}/`);
    people.bo = await evening.invite('Bo', 'editor', evening.lineUrl);
  });

  hostileNamesComeIn(now, people);
  pagesWithoutEyes(now, people);
  aMomentComes(now, people);
  const cut = itIsCut(now, people);
  twoEdit(now, people);
  clipsWithoutEyesOrMouse(now, people);
  linesOfEditorsAreLost(now, people);
  itIsTakenAlong(now, people, cut);
  hostileNamesAreShown(now, people);
  theFeedAndTheServerAreLost(now, people);

  it('never made a page fail, ask, or try what its policy forbids', () => {
    expect(evening.complaints).toEqual([]);
  });
});
