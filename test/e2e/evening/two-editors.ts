import { expect, it } from 'vitest';

import type { Evening } from '../../support/evening.ts';
import { openEditor, readEdit, save, typeTitle } from './editing.ts';
import type { People } from './people.ts';

/** Ana and Bo have the same clip open. Whoever saves second is told, and nothing is written over. */
export function twoEdit(evening: () => Evening, people: People): void {
  it('shows the second editor who saved meanwhile, and writes nothing over', async () => {
    const { ana, bo } = people;
    await openEditor(ana.page, `${evening().up.url}/clips/${people.clipId}`);
    await openEditor(bo.page, `${evening().lineUrl}/clips/${people.clipId}`);
    await typeTitle(bo.page, 'A goal, says Bo');
    await typeTitle(ana.page, 'A goal, says Ana');
    await save(ana.page);
    await bo.page.waitForSelector('.editor-work >> text=Ana saved meanwhile');
    const before = await written(evening(), people.clipId);
    await bo.page.getByRole('button', { name: 'Save', exact: true }).click();
    const dialog = bo.page.getByRole('dialog', { name: 'Ana saved this clip meanwhile' });
    await dialog.waitFor();
    expect(await dialog.getByRole('row', { name: /^Title/ }).innerText()).toMatch(
      /A goal, says Ana\s+A goal, says Bo/,
    );
    expect(await written(evening(), people.clipId)).toEqual(before);
    // A key of the editor goes to nobody while that is asked.
    await bo.page.keyboard.press('x');
    await dialog.getByRole('button', { name: 'Take theirs' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await bo.page.inputValue('#clip-title')).toBe('A goal, says Ana');
    expect(await written(evening(), people.clipId)).toEqual(before);
  });

  it('puts what the second one changed on top of the first one’s, when that is asked for', async () => {
    const { ana, bo } = people;
    await typeTitle(bo.page, 'Goal!');
    await ana.page.fill('#clip-tags', 'header');
    await ana.page.keyboard.press('Enter');
    await save(ana.page);
    await bo.page.waitForSelector('.editor-work >> text=Ana saved meanwhile');
    await bo.page.getByRole('button', { name: 'Save', exact: true }).click();
    const dialog = bo.page.getByRole('dialog', { name: 'Ana saved this clip meanwhile' });
    await dialog.getByRole('button', { name: 'Put mine on top' }).click();
    await ana.page.waitForSelector('.tags >> text=header');
    await expect
      .poll(async () => (await readEdit(evening(), people.clipId)).body.wanted)
      .toMatchObject({
        title: 'Goal!',
        tags: ['header'],
      });
    // Ana, who has nothing in hand, sees it by herself.
    await expect.poll(async () => await ana.page.inputValue('#clip-title')).toBe('Goal!');
    const { history } = (await readEdit(evening(), people.clipId)).body;
    expect(history.map(({ by }) => by)).toEqual(['Bo', 'Ana', 'Ana', 'Ana']);
  });
}

/** What editors have written; how far the files are is another matter. */
async function written(evening: Evening, clipId: string): Promise<unknown> {
  const { etag, body } = await readEdit(evening, clipId);
  const { wanted, history, decision } = body;
  return { etag, wanted, history, decision };
}
