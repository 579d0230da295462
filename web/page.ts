import { readFile } from 'node:fs/promises';

import { Hono } from 'hono';

import type { Access } from './access.ts';

/** What the page is made of; nothing else of the folder is served. */
const files: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'channels.js': 'text/javascript; charset=utf-8',
  'moments.js': 'text/javascript; charset=utf-8',
  'dom.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

/** The page itself. It holds no data, so its files need no token; whoever is not signed in is told how to be. */
export function pageRoutes(access: Access): Hono {
  return new Hono()
    .get('/', async (context) => {
      const token = context.req.query('token');
      if (token !== undefined) {
        // The token leaves the address bar and the history at once.
        if (access.signIn(context, token)) return context.redirect('/', 303);
        return context.html(signedOut, 401);
      }
      if (!access.isSignedIn(context)) return context.html(signedOut, 401);
      return context.body(await pageFile('index.html'), 200, headersOf('index.html'));
    })
    .get('/page/:file', async (context) => {
      const file = context.req.param('file');
      if (!Object.hasOwn(files, file)) return context.notFound();
      return context.body(await pageFile(file), 200, headersOf(file));
    });
}

function headersOf(file: string): Record<string, string> {
  return { 'content-type': files[file] ?? 'text/plain', 'cache-control': 'no-cache' };
}

async function pageFile(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL(`./page/${file}`, import.meta.url)));
}

const signedOut = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="dark light" />
    <title>Touchline: not signed in</title>
    <link rel="stylesheet" href="/page/page.css" />
  </head>
  <body>
    <main class="signed-out">
      <h1>Not signed in</h1>
      <p>Open the link with the token that the server printed when it started.</p>
    </main>
  </body>
</html>
`;
