import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { MatchDesk } from '../../control/match-desk.ts';
import { openMatchDesk } from '../../control/open-match-desk.ts';
import { openTimelineDesk, type TimelineDesk } from '../../control/timeline-desk.ts';
import { FeedHistory } from '../../control/watch/feed-history.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog, type Log } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { LocalDriver } from '../../ingest/local-driver.ts';
import { createRtmpServer } from '../../ingest/rtmp/server.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { openFsStore } from '../../store/fs-store.ts';
import { runWorker, type Analyse } from '../../worker/worker.ts';
import { fakeCut, untilEvent } from './desk.ts';
import { MemoryBroker } from './memory-queue.ts';
import { startTestWeb } from './test-web.ts';

/** Our own ingest, a database, the desks and the web server in one process; what looks at segments is the test's. */
export interface WatchHouse {
  desk: MatchDesk;
  timeline: TimelineDesk;
  catalogue: Catalogue;
  url: string;
  /** `rtmp://127.0.0.1:<port>/live` */
  rtmp: string;
  /** With the token of the owner. */
  get(path: string, more?: Record<string, string>): Promise<Response>;
  post(path: string, body: unknown): Promise<Response>;
  /** Pushes a file over RTMP at its own pace. */
  push(file: string, url: string): ChildProcess;
  until: (fits: Parameters<typeof untilEvent>[1]) => ReturnType<typeof untilEvent>;
  stop(): Promise<void>;
}

export const ownerToken = 'the-owner-of-the-test';

export async function openWatchHouse(
  databaseUrl: string,
  parts: { analyse: Analyse; log?: Log },
): Promise<WatchHouse> {
  const home = await mkdtemp(join(tmpdir(), 'touchline-watch-'));
  const shared = { clock: systemClock, random: systemRandom, log: parts.log ?? silentLog };
  const broker = new MemoryBroker({ clock: systemClock });
  const catalogue = await openCatalogue({ databaseUrl });
  const store = await openFsStore({ folder: join(home, 'store'), random: systemRandom });
  const stopping = new AbortController();
  const pushes: ChildProcess[] = [];
  const history = new FeedHistory({ clock: systemClock });
  const made: { driver: LocalDriver | undefined } = { driver: undefined };
  const { desk, run } = await openMatchDesk({
    ...shared,
    catalogue,
    queue: broker.connect(),
    store,
    home,
    journalFolder: join(home, 'journal'),
    onHealth: history.note,
    createDrivers: (host, events) => {
      made.driver = new LocalDriver({
        ...shared,
        host,
        events,
        folder: join(home, 'ingest'),
        createServer: (handlers) => createRtmpServer({ ...shared, host: '127.0.0.1', port: 0, ...handlers }),
      });
      return { local: made.driver };
    },
  });
  const rtmp = `rtmp://127.0.0.1:${await made.driver?.listen()}/live`;
  const timeline = openTimelineDesk({ ...shared, catalogue, store, match: desk, history });
  const web = await startTestWeb({
    desk,
    timeline,
    store,
    log: shared.log,
    token: new Secret(ownerToken),
    rtmpBase: rtmp,
  });
  const running = Promise.all([
    run(stopping.signal),
    runWorker(
      {
        queue: broker.connect(),
        store,
        analyse: parts.analyse,
        cut: fakeCut,
        ...shared,
        instanceId: 'test-machine',
        workerId: 'wrk_test',
        heartbeat: { begin: () => {}, end: () => {} },
        workFolder: join(home, 'work'),
      },
      stopping.signal,
    ),
  ]);
  running.catch(() => undefined);
  const headers = { authorization: `Bearer ${ownerToken}` };
  return {
    desk,
    timeline,
    catalogue,
    url: web.url,
    rtmp,
    get: async (path, more) => await fetch(`${web.url}${path}`, { headers: { ...headers, ...more } }),
    post: async (path, body) =>
      await fetch(`${web.url}${path}`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    push: (file, url) => {
      const args = `-v error -re -i ${file} -c copy -f flv ${url}`;
      const child = spawn('ffmpeg', args.split(' '), { stdio: 'ignore' });
      pushes.push(child);
      return child;
    },
    until: async (fits) => await untilEvent(desk, fits),
    stop: async () => {
      for (const child of pushes) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await web.stop();
      stopping.abort();
      await running;
      await catalogue.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
