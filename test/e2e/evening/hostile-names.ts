import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';

import type { Evening } from '../../support/evening.ts';
import { inPage, openEditor, readEdit, save, typeTitle } from './editing.ts';
import type { People } from './people.ts';

/** Short enough to be whole in the shortest field (a tag has 40 characters). None may become an element, or run. */
const payloads = [
  '<img src=x onerror=hacked=1>',
  '<script>hacked=1</script>',
  '<script>alert(1)</script>',
  '"><svg onload=alert(1)>',
  'javascript:hacked=1//',
  '<iframe src=javascript:parent.hacked=1>',
  '<a href=javascript:hacked=1>x</a>',
  '{{[].at.constructor("hacked=1")()}}',
  '${hacked=1}',
  '<math><style><img src onerror=hacked=1>',
  '&lt;img src=x onerror=hacked=1&gt;',
  "' onmouseover='hacked=1",
  '" autofocus onfocus=hacked=1 x="',
  '</title><script>hacked=1</script>',
  '</textarea><svg/onload=hacked=1>',
  '<details open ontoggle=hacked=1>',
  '<video><source onerror=hacked=1>',
  '<object data=javascript:hacked=1>',
  '<base href=//evil.example/>',
  '<style>*{display:none}</style>',
] as const;
const [first] = payloads;
const isLong = process.env['TOUCHLINE_TEST_LONG'] !== undefined;
/** Where each costs a load of a page: two by habit, all in the long run. */
const few: readonly string[] = isLong ? payloads : [payloads[0], payloads[3]];

/** Twenty hostile texts in each field of the forms; and nothing is made of hostile addresses. */
export function hostileNamesComeIn(evening: () => Evening, people: People): void {
  it('is looked over by a look-out that sees what becomes an element', async () => {
    const context = await evening().visitor();
    const page = await context.newPage();
    await page.goto(evening().up.url);
    await page.waitForSelector('.login');
    for (const payload of payloads) {
      await inPage(page, "(text) => document.body.insertAdjacentHTML('beforeend', text)", payload);
    }
    expect((await foreignElements(page)).length).toBeGreaterThan(10);
    await expect
      .poll(() => evening().complaints.filter((line) => line.startsWith('policy')).length)
      .toBeGreaterThan(3);
    await context.close();
    evening().complaints.length = 0;
  });

  it('takes hostile names of channels, tokens and people in its forms, and shows them as text', async () => {
    const { page } = people.ana;
    await page.goto(`${evening().up.url}/channels`);
    await sendEach(evening(), page, {
      form: { name: 'New channel', field: 'Name', button: 'Create' },
      path: '/channels',
      rest: { sport: 'soccer' },
    });
    await shows(page, '.channel h2 a');
    expect(await foreignElements(page)).toEqual([]);

    await page.goto(`${evening().up.url}/settings`);
    await page.getByRole('tab', { name: 'Tokens' }).click();
    await sendEach(evening(), page, {
      form: { name: 'New token', field: 'What it is for', button: 'Create' },
      path: '/tokens',
      rest: { scopes: ['read'] },
    });
    await shows(page, 'tbody td:first-child');
    expect(await foreignElements(page)).toEqual([]);

    await page.getByRole('tab', { name: 'People' }).click();
    await sendEach(evening(), page, {
      form: { name: 'Invite somebody', field: 'Name', button: 'Invite' },
      path: '/users',
      rest: { role: 'viewer' },
    });
    await shows(page, 'tbody td:first-child');
    expect(await foreignElements(page)).toEqual([]);
  });

  it('takes hostile labels, fixtures and browsers’ names over the API', async () => {
    for (const payload of payloads) {
      const answers = [
        await evening().ask('POST', '/channels/Pitch%201/share-links', { label: payload }),
        // A sport is one of those that have rules.
        await evening().ask('POST', '/channels', { name: `${payload} by API`, sport: payload }),
        await evening().ask('POST', '/fixtures', {
          name: payload,
          channel: payload,
          kickOffAt: '2030-01-01T15:00:00Z',
        }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([201, 400, 201]);
    }
    const { body: links } = await evening().ask<{ links: { label: string }[] }>(
      'GET',
      '/channels/Pitch%201/share-links',
    );
    expect(links.links.map(({ label }) => label)).toEqual(expect.arrayContaining([...payloads]));
    for (const userAgent of few) {
      const context = await evening().visitor({ userAgent });
      const page = await context.newPage();
      await page.goto(evening().up.url);
      await page.fill('#field-name', people.ana.name);
      await page.fill('#field-password', people.ana.password);
      await page.keyboard.press('Enter');
      await page.waitForSelector('.shell');
      await context.close();
    }
  });

  it('shows hostile names as text to those who have no account', async () => {
    const context = await evening().visitor({ width: 390, height: 844 });
    const page = await context.newPage();
    const { users } = (await evening().ask<{ users: { id: string; name: string }[] }>('GET', '/users')).body;
    for (const payload of few) {
      const id = users.find(({ name }) => name === payload)?.id;
      const { link } = (await evening().ask<{ link: string }>('POST', `/users/${id}/link`)).body;
      await page.goto(evening().up.url + link);
      await page.getByText(`Hello ${payload}. Choose`).waitFor();
      const shared = await evening().ask<{ path: string }>(
        'POST',
        `/channels/${encodeURIComponent(payload)}/share-links`,
        { label: payload },
      );
      await page.goto(evening().up.url + shared.body.path);
      await page.locator('.contributor h1', { hasText: payload }).waitFor();
      expect(await page.title()).toContain(payload);
      expect(await foreignElements(page)).toEqual([]);
    }
    // Two alone: after the fifth failure from one address the one-time links of the others would have to wait as well.
    for (const payload of few.slice(0, 2)) {
      await page.goto(evening().up.url);
      await page.fill('#field-name', payload);
      await page.fill('#field-password', payload);
      await page.keyboard.press('Enter');
      await page.locator('.problem').waitFor();
      expect(await foreignElements(page)).toEqual([]);
    }
    await context.close();
  });

  it('makes nothing of a hostile address', async () => {
    const { page } = people.ana;
    for (const [nth, payload] of few.entries()) {
      const at = encodeURIComponent(payload);
      for (const path of [
        `/channels/${at}`,
        `/clips/${at}`,
        `/operations/clips/${at}`,
        `/c/${at}`,
        // Each is a link that failed, and they are counted.
        ...(nth < 2 ? [`/welcome#${at}`] : []),
        `/nowhere/${at}?q=${at}#${at}`,
        `/channels/Pitch%201?run=${at}&moment=${at}`,
      ]) {
        await page.goto(evening().up.url + path);
        await page.locator('main, pre').first().waitFor();
        expect(await foreignElements(page), path).toEqual([]);
      }
    }
  });
}

/** The same in what is said of a clip; and everything that came in is looked at, page by page. */
export function hostileNamesAreShown(evening: () => Evening, people: People): void {
  it('takes hostile titles and tags in the editor, and shows them as text to others', async () => {
    const { page } = people.ana;
    await openEditor(page, `${evening().up.url}/clips/${people.clipId}`);
    const secrets: string[] = [];
    for (const name of payloads) {
      const wish = { name, scopes: ['read', 'review'] };
      secrets.push((await evening().ask<{ secret: string }>('POST', '/tokens', wish)).body.secret);
    }
    // A clip has 20 tags; it may have one already.
    for (const old of await page.locator('.tags button').all()) await old.click();
    for (const payload of payloads) {
      await page.fill('#clip-tags', payload);
      await page.keyboard.press('Enter');
    }
    for (const payload of few) {
      await typeTitle(page, payload);
      await save(page);
    }
    if (isLong) await clipByHand(evening());
    const { wanted } = (await readEdit(evening(), people.clipId)).body;
    expect(wanted).toMatchObject({ title: few.at(-1), tags: payloads });
    await page.locator('summary', { hasText: 'History' }).click();
    await shows(page, '.tags li', (text) => text.replace(/\s*×$/, ''));
    expect(await foreignElements(page)).toEqual([]);
    // Each of the programs, whose names are hostile too, names the clip: the history says who it was.
    for (const [nth, title] of payloads.entries()) {
      const { etag, body } = await readEdit(evening(), people.clipId);
      const response = await fetch(`${evening().up.url}/api/v1/clips/${people.clipId}/edit`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${secrets[nth]}`,
          'content-type': 'application/json',
          'if-match': etag,
        },
        body: JSON.stringify({ ...body.wanted, title }),
      });
      expect(response.status).toBe(200);
    }
    const history = page.locator('.history');
    await expect.poll(async () => await history.innerText()).toContain(payloads.at(-1));
    const said = await history.innerText();
    expect(payloads.filter((payload) => !said.includes(payload))).toEqual([]);
    expect(await foreignElements(page)).toEqual([]);
  });

  it('shows hostile names as text on every page that has them', async () => {
    const { page } = people.ana;
    const { body } = await evening().ask<{ channels: { id: string; name: string }[] }>('GET', '/channels');
    const channels = new Map(body.channels.map(({ id, name }) => [name, id]));
    const visit = async (path: string, selector: string, text: string): Promise<void> => {
      await page.goto(evening().up.url + path);
      await page.locator(selector, { hasText: text }).first().waitFor({ timeout: 20_000 });
      expect(await foreignElements(page), path).toEqual([]);
    };
    await visit('/live', '.tile', first);
    await visit('/channels', '.channel h2 a', first);
    await visit('/operations', 'h2', 'Workers');
    await visit(`/operations/clips/${people.clipId}`, '.waterfall', '');
    await visit('/settings', 'td', first);
    await visit(`/clips/${people.clipId}`, '.tags li', first);
    for (const name of few) await visit(`/channels/${channels.get(name)}`, '.stream-page', name);
    await visit(`/channels/${channels.get('Pitch 1')}`, '.stream-page', 'Pitch 1');
    await page.goto(`${evening().up.url}/`);
    await page.getByLabel('Decision').selectOption('all');
    await page.locator('.row b', { hasText: payloads.at(-1) ?? '' }).waitFor();
    if (isLong) await page.locator('.row b', { hasText: payloads[4] }).waitFor();
    for (const payload of few) {
      const asked = page.waitForResponse(
        (response) => response.url().includes('/review?') && response.url().includes('q='),
      );
      await page.getByRole('searchbox').fill(payload);
      await asked;
    }
    expect(await foreignElements(page)).toEqual([]);
  });
}

/** Sends each text over the API or, the last ones, as somebody would: by the form, which then shows all. */
async function sendEach(
  evening: Evening,
  page: Page,
  to: { form: { name: string; field: string; button: string }; path: string; rest: Record<string, unknown> },
): Promise<void> {
  const form = page.getByRole('form', { name: to.form.name });
  // By the page's own session: what somebody else made is not in each list.
  for (const name of payloads.filter((one) => !few.includes(one))) {
    const made = await page.request.post(`${evening.up.url}/api/v1${to.path}`, {
      // A change by cookie has to come from a page of the server.
      headers: { origin: evening.up.url },
      data: { name, ...to.rest },
    });
    expect(made.status(), name).toBe(201);
  }
  for (const name of few) {
    const answered = page.waitForResponse(
      (response) => response.request().method() === 'POST' && response.url().endsWith(`/api/v1${to.path}`),
    );
    await form.getByLabel(to.form.field, { exact: true }).fill(name);
    await form.getByRole('button', { name: to.form.button }).click();
    expect((await answered).status(), name).toBe(201);
  }
}

/** A title that comes with a clip by hand. Its files are seconds of work, which the end of the evening would wait for. */
async function clipByHand(evening: Evening): Promise<void> {
  const { body: runs } = await evening.ask<{ runs: { id: string; channelId: string }[] }>('GET', '/runs');
  const title = payloads.slice(0, 5).join(' ');
  const byHand = await evening.ask('POST', `/runs/${runs.runs.at(-1)?.id}/moments`, {
    inMs: 1_000,
    outMs: 3_000,
    title,
  });
  expect([200, 201]).toContain(byHand.status);
}

/** Each of the texts is the whole text of one of the elements. */
async function shows(page: Page, selector: string, clean = (text: string) => text): Promise<void> {
  await expect
    .poll(async () => (await page.locator(selector).allTextContents()).map((text) => clean(text.trim())))
    .toEqual(expect.arrayContaining([...payloads]));
}

/** What our pages never have, so it came out of a text. Nothing has run either. */
async function foreignElements(page: Page): Promise<string[]> {
  return await inPage<string[]>(
    page,
    `() => {
      const isForeign = (one) =>
        one.getAttributeNames().some((name) => /^(on|srcdoc$|formaction$)/.test(name)) ||
        one.matches('iframe, object, embed, math, base, style, meta[http-equiv=refresh]') ||
        one.matches('script:not([src^="/assets/"])') ||
        [one.getAttribute('href'), one.getAttribute('src'), one.getAttribute('action')].some(
          (to) => to !== null && (/^\\s*javascript:/i.test(to) || new URL(to, location.href).origin !== location.origin),
        );
      const found = [...document.querySelectorAll('*')].filter(isForeign).map((one) => one.outerHTML.slice(0, 160));
      return window.hacked === undefined ? found : [...found, 'a script ran'];
    }`,
  );
}
