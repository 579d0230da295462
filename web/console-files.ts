import { readFile, readdir } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

import { Hono, type Context } from 'hono';

/**
 * The console as `vite build` left it. The files hold no data, so they need no session; the page itself asks who is there.
 * Read once when the server starts: some hundred kB, and an update under a running server cannot mix two versions.
 */
export async function openConsole(): Promise<Console> {
  const files = await readConsole();
  const page = files.get('index.html');
  const routes = new Hono().get('/assets/:name', async (context) => {
    const file = files.get(`assets/${context.req.param('name')}`);
    return file ? await send(context, file) : await context.notFound();
  });
  for (const path of pagePaths) {
    routes.get(path, async (context) => (page ? await send(context, page) : await context.notFound()));
  }
  return {
    routes,
    pageNotFound: async (context) =>
      page && isForPeople(context) ? await send(context, page, 404) : undefined,
  };
}

export interface Console {
  routes: Hono;
  /** Where a person went to an address that is none: the console, which says so and leads home. A program is answered otherwise. */
  pageNotFound(context: Context): Promise<Response | undefined>;
}

/** A browser that opens an address names HTML; a script, a picture and a program do not, and what they ask for is no page. */
function isForPeople({ req }: Context): boolean {
  const accept = req.header('accept') ?? '';
  return (
    /^(GET|HEAD)$/.test(req.method) && /\btext\/html\b/.test(accept) && !/^\/(api|assets)\//.test(req.path)
  );
}

/** Addresses that the console's router knows (web/console/app.tsx). At any other it says that there is no page. */
const pagePaths = [
  '/',
  '/welcome',
  '/live',
  '/channels',
  '/channels/:id',
  '/clips/:id',
  '/operations',
  '/operations/clips/:id',
  '/settings',
  '/c/:secret',
] as const;

async function send(context: Context, file: ConsoleFile, status: 200 | 404 = 200): Promise<Response> {
  const takesBrotli = /\bbr\b/.test(context.req.header('accept-encoding') ?? '');
  return context.body(takesBrotli ? await file.brotli() : file.bytes, status, {
    'content-type': file.contentType,
    // Names under assets/ carry a hash of their content; the page names them, so it must be fresh.
    'cache-control': file.isNamedByContent ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: status === 404 ? 'accept, accept-encoding' : 'accept-encoding',
    ...(takesBrotli ? { 'content-encoding': 'br' } : {}),
  });
}

interface ConsoleFile {
  bytes: Uint8Array<ArrayBuffer>;
  /** Made when it is first asked for: a command that opens the desk for a moment shows no page. */
  brotli: () => Promise<Uint8Array<ArrayBuffer>>;
  contentType: string;
  isNamedByContent: boolean;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

async function readConsole(): Promise<Map<string, ConsoleFile>> {
  const files = new Map<string, ConsoleFile>();
  for (const name of await readdir(folder, { recursive: true }).catch(() => [])) {
    const contentType = contentTypes[extname(name)];
    if (contentType === undefined) continue;
    const bytes = new Uint8Array(await readFile(new URL(name, folder)));
    let compressed: Promise<Uint8Array<ArrayBuffer>> | undefined;
    files.set(name, {
      bytes,
      brotli: async () => await (compressed ??= compress(bytes)),
      contentType,
      isNamedByContent: name.startsWith('assets/'),
    });
  }
  return files;
}

/** Beside the compiled program; a test that runs the sources reads what was built last. */
const folder = new URL(
  import.meta.url.endsWith('.ts') ? '../dist/web/console/' : './console/',
  import.meta.url,
);

/** Quality 9 is 3 % larger than 11 and twenty times as fast: somebody waits for the first one. */
async function compress(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return new Uint8Array(await promisify(brotliCompress)(bytes, { params }));
}
