import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

import type { Role } from '../../control/principal.ts';
import { pushLive } from './live-push.ts';
import { writeRoaringMatch } from './roaring-match.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { install, type Installation, type RunningUp } from './touchline.ts';

export const chromiumPath = '/usr/bin/chromium';
const upMsMax = 600_000;
const password = 'eleven men and a ball';
const recordingSeconds = 300;
/** The feed is one recording over and over: in a long evening a clip may reach from the end of it into its beginning. */
export const numberedFrameCount = recordingSeconds * 25;

/** Somebody at a browser of their own. */
export interface Person {
  name: string;
  password: string;
  context: BrowserContext;
  page: Page;
}

/** A server, a feed and browsers, made once and shared by every part of the evening. */
export interface Evening {
  server: Installation;
  /** The server that runs now: another one after `restart`. */
  readonly up: RunningUp;
  browser: Browser;
  /** Folder for files of the evening; it goes with it. */
  folder: string;
  /** The way of one laptop to the server, which can be cut. */
  line: TcpProxy;
  lineUrl: string;
  /** What a page must never do: a script that fails, a dialog, something that the content security policy had to stop. */
  complaints: string[];
  /** The path of the contributor's page of "Pitch 1". */
  sharePath: string;
  ask<T>(method: string, path: string, body?: unknown, ifMatch?: string): Promise<Answer<T>>;
  /** A window of its own, with nobody signed in, whose complaints are heard. */
  visitor(options?: { width?: number; height?: number; userAgent?: string }): Promise<BrowserContext>;
  /** Makes the account, opens its one-time link in a new browser and sets the password there. */
  invite(name: string, role: Role, baseUrl?: string): Promise<Person>;
  /** ffmpeg pushes the match to "Pitch 1" from its first picture, until it is stopped. */
  push(): Promise<{ stop: () => Promise<void> }>;
  restart(): Promise<void>;
  end(): Promise<void>;
}

export interface Answer<T> {
  status: number;
  etag: string;
  body: T;
}

export async function beginEvening(): Promise<Evening> {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-evening-'));
  const complaints: string[] = [];
  const server = await install({ TOUCHLINE_WORKERS: '1' });
  const starting = server.up({ wallMsMax: upMsMax });
  const recording = join(folder, 'match.mp4');
  // Long enough for one moment only: another one would be the first in the queue, and its cuts would be waited for as well.
  writeRoaringMatch(recording, {
    seconds: recordingSeconds,
    roarAtSeconds: 8,
    isNumbered: true,
  });
  let up = await starting;
  const line = await startTcpProxy({
    target: { host: '127.0.0.1', port: Number(server.env['TOUCHLINE_HTTP_PORT']) },
    protocol: 'tcp',
    seed: 1,
  });
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });

  const ask: Evening['ask'] = async <T>(method: string, path: string, body?: unknown, ifMatch?: string) => {
    const response = await fetch(`${up.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${up.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answered = (text === '' ? undefined : JSON.parse(text)) as T;
    return { status: response.status, etag: response.headers.get('etag') ?? '', body: answered };
  };

  const visitor: Evening['visitor'] = async ({ width = 1440, height = 900, userAgent } = {}) => {
    const context = await browser.newContext({
      viewport: { width, height },
      acceptDownloads: true,
      ...(userAgent === undefined ? {} : { userAgent }),
    });
    await context.exposeBinding('touchlineComplain', (_source, what: string) => void complaints.push(what));
    await context.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
      touchlineComplain(['policy', violatedDirective, blockedURI, sample, location.pathname].join(' ')))`);
    context.on('page', (page) => {
      page.on('pageerror', (error) => complaints.push(`script: ${error.message}`));
      page.on('dialog', (dialog) => {
        complaints.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
    });
    return context;
  };

  const { body: made } = await ask<{ ingest: { key: string } }>('POST', '/channels', {
    name: 'Pitch 1',
    sport: 'soccer',
  });
  const { body: shared } = await ask<{ path: string }>('POST', '/channels/Pitch%201/share-links', {
    label: 'Camera 1',
  });

  return {
    server,
    get up() {
      return up;
    },
    browser,
    folder,
    line,
    lineUrl: `http://127.0.0.1:${line.port}`,
    complaints,
    sharePath: shared.path,
    ask,
    visitor,
    invite: async (name, role, baseUrl = up.url) => {
      const { body } = await ask<{ link: string }>('POST', '/users', { name, role });
      const context = await visitor();
      const page = await context.newPage();
      await page.goto(baseUrl + body.link);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Begin' }).click();
      await page.waitForSelector('.shell');
      return { name, password, context, page };
    },
    push: async () =>
      await pushLive({
        file: recording,
        url: `rtmp://127.0.0.1:${server.env['TOUCHLINE_RTMP_PORT']}/live/${made.ingest.key}`,
      }),
    restart: async () => {
      await up.stop();
      up = await server.up({ wallMsMax: upMsMax });
    },
    end: async () => {
      await browser.close();
      await line.stop();
      await up.stop();
      server.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
