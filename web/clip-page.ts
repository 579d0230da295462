import { createHash } from 'node:crypto';

import { Hono, type Context } from 'hono';
import { html } from 'hono/html';

import type { ClipLinks, LinkedClip } from '../control/clip-links.ts';
import type { Preset } from '../core/clip.ts';
import type { Clock } from '../core/clock.ts';
import { Secret } from '../core/secret.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { ClientAddressOf } from './client-address.ts';
import { clipPageStyle } from './clip-page-style.ts';
import { sendObject } from './media.ts';
import { callerError, notFound } from './problem.ts';
import { publicOrigin } from './public-origin.ts';
import { SecretBrake } from './secret-brake.ts';

/** A link in a chat of a team: some fifty people at once, each with a page, a picture and the ranges of a video. */
const ofLink = { burst: 400, perSecond: 100 };
/** Whoever comes for the first time, and whoever guesses. */
const ofAddress = { burst: 20, perSecond: 1 };

interface Options {
  clipLinks: Pick<ClipLinks, 'open'>;
  store: ObjectStore;
  clock: Clock;
  addressOf: ClientAddressOf;
}

/**
 * `/p/<secret>`: one clip for whoever was sent its address. Written here and not by the console, because what makes a preview for
 * a chat runs no script, and a phone on a train should not have to.
 */
export function clipPageRoutes({ clipLinks, store, clock, addressOf }: Options): Hono {
  const brake = new SecretBrake(clock, { ofLink, ofAddress });
  const open = async (context: Context): Promise<LinkedClip | 'gone' | undefined> => {
    const secret = context.req.param('secret') ?? '';
    return await brake.opened(
      secret,
      addressOf(context),
      async () => await clipLinks.open(new Secret(secret)),
    );
  };
  return new Hono()
    .get('/style.css', (context) =>
      context.body(clipPageStyle, 200, {
        'content-type': 'text/css; charset=utf-8',
        'cache-control': 'public, max-age=3600',
      }),
    )
    .get('/:secret', async (context) => {
      const clip = await open(context);
      context.header('cache-control', 'private, no-store');
      // Who has the address may pass it on; a search engine need not.
      context.header('x-robots-tag', 'noindex, nofollow');
      if (clip === undefined) {
        const why = 'It has run out, was taken back, or is not whole. Ask whoever sent it for a new one.';
        return context.html(await sorryPage('This link does not work', why), 404);
      }
      if (clip === 'gone' || !fileOf(clip, 'wide')) {
        return context.html(
          await sorryPage('The clip is no longer there', 'Whoever made it took it back.'),
          410,
        );
      }
      return context.html(await clipPage(clip, addressesIn(context)));
    })
    .get('/:secret/:file', async (context) => {
      const clip = await open(context);
      const preset = presetsByFile[context.req.param('file')];
      const file = clip !== undefined && clip !== 'gone' && preset && fileOf(clip, preset);
      if (clip === 'gone') throw callerError('clip-link.not-found', 'the clip is no longer there');
      if (!file) throw notFound('file at this address');
      // Asked for anew each time: a link that was taken back plays from no cache.
      return await sendObject(context, store, file.key, 'revalidate');
    });
}

const fileNames = {
  wide: 'wide.mp4',
  vertical: 'vertical.mp4',
  square: 'square.mp4',
  thumbnail: 'picture.jpg',
} as const satisfies Partial<Record<Preset, string>>;
type PublicPreset = keyof typeof fileNames;

const presetsByFile: Readonly<Record<string, PublicPreset | undefined>> = {
  'wide.mp4': 'wide',
  'vertical.mp4': 'vertical',
  'square.mp4': 'square',
  'picture.jpg': 'thumbnail',
};

const shapes: readonly { preset: Exclude<PublicPreset, 'thumbnail'>; words: string }[] = [
  { preset: 'wide', words: '16:9' },
  { preset: 'vertical', words: '9:16' },
  { preset: 'square', words: '1:1' },
];

function fileOf(clip: LinkedClip, preset: Preset): LinkedClip['files'][number] | undefined {
  return clip.files.find((file) => file.preset === preset);
}

interface Addresses {
  /** With scheme and name: previews want whole addresses. */
  page: string;
  shape: string | undefined;
}

function addressesIn(context: Context): Addresses {
  return {
    page: publicOrigin(context) + context.req.path,
    shape: context.req.query('shape'),
  };
}

function clipPage(clip: LinkedClip, { page, shape }: Addresses) {
  const there = shapes.filter(({ preset }) => fileOf(clip, preset));
  const shown = there.find(({ preset }) => preset === shape) ?? there[0] ?? { preset: 'wide', words: '' };
  const file = fileOf(clip, shown.preset);
  const picture = fileOf(clip, 'thumbnail');
  /** The name changes with the file, so that a browser does not put two versions together; the server looks at the preset alone. */
  const to = (preset: PublicPreset): string =>
    `${page}/${fileNames[preset]}?v=${versionOf(fileOf(clip, preset)?.key ?? '')}`;
  const video = to(shown.preset);
  const facts = `${dateOf(clip.startWallMs)} · ${Math.max(1, Math.round(clip.durationMs / 1000))} s`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        ${head(clip.title)}
        <meta property="og:type" content="video.other" />
        <meta property="og:site_name" content="Touchline" />
        <meta property="og:title" content="${clip.title}" />
        <meta property="og:description" content="${facts}" />
        <meta property="og:url" content="${page}" />
        ${
          picture &&
          html`<meta property="og:image" content="${to('thumbnail')}" />
            <meta property="og:image:type" content="image/jpeg" />
            <meta property="og:image:width" content="${picture.width}" />
            <meta property="og:image:height" content="${picture.height}" />`
        }
        <meta property="og:video" content="${to('wide')}" />
        <meta property="og:video:type" content="video/mp4" />
        <meta name="twitter:card" content="${picture ? 'summary_large_image' : 'summary'}" />
      </head>
      <body>
        <main>
          <video
            class="${shown.preset}"
            src="${video}"
            ${picture && shown.preset === 'wide' ? html`poster="${to('thumbnail')}"` : ''}
            width="${file?.width ?? 0}"
            height="${file?.height ?? 0}"
            controls
            playsinline
            loop
            preload="metadata"
          ></video>
          <div class="about">
            <h1>${clip.title}</h1>
            <p class="muted">${facts}</p>
            <div class="actions">
              ${
                there.length > 1 &&
                html`<nav aria-label="Shape of the picture">
                  ${there.map(
                    ({ preset, words }) =>
                      html`<a
                        href="?shape=${preset}"
                        ${preset === shown.preset ? html`aria-current="page"` : ''}
                        >${words}</a
                      >`,
                  )}
                </nav>`
              }
              <a class="main" href="${video}&download" download>Download</a>
            </div>
            <p class="muted">This link works until ${dateOf(clip.expiresAtMs)}.</p>
          </div>
        </main>
      </body>
    </html>`;
}

function sorryPage(title: string, why: string) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        ${head(title)}
      </head>
      <body>
        <main class="sorry">
          <h1>${title}</h1>
          <p>${why}</p>
        </main>
      </body>
    </html>`;
}

function head(title: string) {
  return html`<meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="dark light" />
    <title>${title}</title>
    <link rel="stylesheet" href="/p/style.css" />`;
}

function versionOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 8);
}

/** Nobody has told us where the reader is: the day, as it is in UTC. */
function dateOf(wallMs: number): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(wallMs);
}
