import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { createAnalyst, type Analyst } from '../analytics/analyst.ts';
import type { Encoder } from '../clipper/commands.ts';
import { cutClip } from '../clipper/cut-clip.ts';
import { writeExport } from '../clipper/export/write-export.ts';
import { AccountDesk } from '../control/account-desk.ts';
import { ClipLinks } from '../control/clip-links.ts';
import { ExportDesk } from '../control/export-desk.ts';
import { openFleetDesk } from '../control/open-fleet-desk.ts';
import { openMatchDesk } from '../control/open-match-desk.ts';
import { OperationsDesk } from '../control/operations-desk.ts';
import { openTimelineDesk } from '../control/timeline-desk.ts';
import { WebhookDesk } from '../control/webhook-desk.ts';
import { SecretBox } from '../control/webhooks/secret-box.ts';
import { FeedHistory } from '../control/watch/feed-history.ts';
import type { Clock } from '../core/clock.ts';
import { requireFfmpeg } from '../core/ffmpeg.ts';
import { findNvenc } from '../core/ffmpeg-hardware.ts';
import { systemClock } from '../core/clock.ts';
import type { Config } from './config.ts';
import { TouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { drainOrderKey } from '../core/drain-order.ts';
import type { Random } from '../core/random.ts';
import { systemRandom } from '../core/random.ts';
import type { Secret } from '../core/secret.ts';
import type { IngestEvents, IngestHost } from '../ingest/channel.ts';
import { FilesOnlyDriver } from '../ingest/files-only-driver.ts';
import { LocalDriver } from '../ingest/local-driver.ts';
import { createRtmpServer } from '../ingest/rtmp/server.ts';
import { openQueue } from '../queue/open-queue.ts';
import { openCatalogue } from '../store/catalogue.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { openStore } from '../store/open-store.ts';
import { listenWeb } from '../web/server.ts';
import type { Desks } from '../web/web-options.ts';
import { openWorkFolder } from '../worker/work-folder.ts';
import { ec2InstanceId } from '../worker/worker-settings.ts';
import { runDuty } from '../worker/duty.ts';
import { untilEndNotice } from '../worker/end-notices.ts';
import { Heartbeat } from '../worker/heartbeat.ts';
import { InstanceMetadata } from '../worker/instance-metadata.ts';
import { runWorker, slotsDefault } from '../worker/worker.ts';
import { touchlineVersion } from './commands/version.ts';
import { leaveNote, tokenOf, webhookKeyOf } from './connect.ts';
import { runFleet, type Workforce } from './wire-fleet.ts';

/** The only place where the parts of the house are put together. */

const clock: Clock = systemClock;
const random: Random = systemRandom;

/** What a server does besides deciding. */
export interface HouseParts {
  /** RTMP, the HTTP API and its page. Without them it takes files only. */
  isOpen: boolean;
  workforce: Workforce;
}

export interface House {
  desks: Desks;
  /** Where it listens; undefined when it is not open. */
  addresses: { url: string; rtmp: string; token: Secret } | undefined;
}

/** Longest way to the end: workers drain within 25 s, then the database is stopped. */
export async function runHouse(
  config: Config,
  parts: HouseParts,
  log: Log,
  signal: AbortSignal,
  use: (house: House) => Promise<void>,
): Promise<void> {
  const { workforce } = parts;
  if (workforce.kind === 'scaled' || workforce.count > 0)
    requireFfmpeg('looking at segments and cutting clips');
  await makeHome(config.home);
  const isForAMoment = !parts.isOpen && workforce.kind === 'fixed' && workforce.count === 0;
  const database = await openDatabase(config, log, { isForAMoment });
  const stopped = new AbortController();
  try {
    await migrate({ databaseUrl: database.url.reveal(), migrations, log });
    const untilStopped = AbortSignal.any([signal, stopped.signal]);
    await runParts({ ...config, databaseUrl: database.url }, parts, log, untilStopped, async (house) => {
      try {
        await use(house);
      } finally {
        stopped.abort();
      }
    });
  } finally {
    await database.stop();
  }
}

async function runParts(
  config: Config & { databaseUrl: Secret },
  parts: HouseParts,
  log: Log,
  signal: AbortSignal,
  use: (house: House) => Promise<void>,
): Promise<void> {
  const databaseUrl = config.databaseUrl.reveal();
  const stopping = new AbortController();
  const untilStopped = AbortSignal.any([signal, stopping.signal]);
  // Closed in the opposite order, also when opening one of them fails: an open connection keeps the process from ending.
  const closing: (() => Promise<void>)[] = [];
  try {
    const catalogue = await openCatalogue({ databaseUrl, applicationName: 'touchline-desk', log });
    closing.unshift(async () => await catalogue.close());
    const queue = await openQueue({
      setting: config.queue,
      databaseUrl: config.databaseUrl,
      clock,
      random,
      log: log.child({ part: 'queue' }),
    });
    closing.unshift(async () => await queue.close());
    const store = await openStore(config, { clock, random, log });
    const accounts = new AccountDesk({ db: catalogue.db, clock, random });
    const fleet = openFleetDesk({ catalogue, queue, clock, random });
    const ingestFolder = join(config.home, 'ingest');
    const driver: { local: LocalDriver | undefined } = { local: undefined };
    const mediaLive =
      config.mediaLiveRole === undefined || !parts.isOpen
        ? undefined
        : await (
            await import('./wire-medialive.ts')
          ).openMediaLive(config, { store, folder: ingestFolder, clock, random, log });
    if (mediaLive) closing.unshift(async () => mediaLive.close());
    const history = new FeedHistory({ clock });
    const { desk, edits, review, run, abandon } = await openMatchDesk({
      onHealth: history.note,
      catalogue,
      queue,
      store,
      clock,
      random,
      log,
      home: config.home,
      journalFolder: join(ingestFolder, 'journal'),
      createDrivers: (host, events, records) => {
        if (!parts.isOpen) {
          return {
            local: new FilesOnlyDriver({ host, events, clock, random, log, folder: ingestFolder }),
          };
        }
        driver.local = localDriver(config, ingestFolder, { host, events }, log);
        const aws = mediaLive?.createDriver(events, records('medialive'));
        return { local: driver.local, ...(aws ? { medialive: aws } : {}) };
      },
    });
    const openAll = async () => {
      const timeline = openTimelineDesk({
        catalogue,
        store,
        clock,
        random,
        log: log.child({ part: 'timeline' }),
        match: desk,
        history,
      });
      const isStoreHere = store.localPath('clips') !== undefined;
      const operations = new OperationsDesk({
        db: catalogue.db,
        clock,
        fleet: fleet.desk,
        storeFolder: isStoreHere ? config.home : undefined,
      });
      const exports = new ExportDesk({ db: catalogue.db });
      const webhooks = new WebhookDesk({
        db: catalogue.db,
        clock,
        random,
        log: log.child({ part: 'webhooks' }),
        box: new SecretBox({ key: await webhookKeyOf(config, random), random }),
        isPrivateAllowed: config.webhooksPrivate === 'allow',
        agent: `touchline/${touchlineVersion()}`,
      });
      const desks = {
        accounts,
        clipLinks: new ClipLinks({ db: catalogue.db, clock, random }),
        desk,
        edits,
        exports,
        review,
        fleet: fleet.desk,
        fixedWorkerCount: parts.isOpen && parts.workforce.kind === 'fixed' ? parts.workforce.count : null,
        operations,
        timeline,
        webhooks,
      };
      return { desks, webhooks, open: await openDoors(config, { desks, store, local: driver.local }, log) };
    };
    // The ports are taken before anything is started, so that a taken one is the only thing that is said.
    const { desks, webhooks, open } = await openAll().catch(async (thrown: unknown) => {
      // What listens already has to close, and the desk to be let go, for the same reason.
      await driver.local?.run(AbortSignal.abort()).catch(() => undefined);
      await abandon();
      throw thrown;
    });
    const workers = runFleet(
      {
        config,
        workforce: parts.workforce,
        desk: fleet.desk,
        store,
        clock,
        random,
        log: log.child({ part: 'fleet' }),
      },
      untilStopped,
    );
    const serving = open ? open.web.run(untilStopped) : Promise.resolve();
    desk.onNews(() => webhooks.wake());
    const telling = webhooks.run(untilStopped);
    const started = [run(untilStopped), fleet.run(untilStopped), workers, serving, telling];
    const running = Promise.all(started);
    running.catch(() => stopping.abort());
    try {
      await Promise.race([use({ desks, addresses: open }), running]);
    } finally {
      stopping.abort();
      await Promise.allSettled(started);
      await open?.takeNoteAway();
    }
    await running;
  } finally {
    for (const close of closing) await close();
  }
}

function localDriver(
  config: Config,
  folder: string,
  desk: { host: IngestHost; events: IngestEvents },
  log: Log,
): LocalDriver {
  return new LocalDriver({
    ...desk,
    clock,
    random,
    log: log.child({ part: 'ingest' }),
    folder,
    createServer: (handlers) =>
      createRtmpServer({
        host: config.rtmpHost,
        port: config.rtmpPort,
        clock,
        random,
        log: log.child({ part: 'rtmp' }),
        ...handlers,
      }),
  });
}

async function openDoors(
  config: Config,
  house: {
    desks: Desks;
    store: ObjectStore;
    local: LocalDriver | undefined;
  },
  log: Log,
) {
  if (!house.local) return undefined;
  const rtmpPort = await house.local.listen();
  const token = await tokenOf(config, random);
  const rtmp = `rtmp://${reachableHost(config.rtmpHost)}:${rtmpPort}/live`;
  const web = await listenWeb({
    ...house.desks,
    store: house.store,
    writeExport,
    clock,
    log: log.child({ part: 'web' }),
    token,
    version: touchlineVersion(),
    host: config.httpHost,
    port: config.httpPort,
    hostsAllowed: config.httpHostsAllowed,
    proxies: config.httpProxies,
    rtmpBase: rtmp,
  });
  const url = web.url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  const takeNoteAway = await leaveNote(config.home, { url, token, rtmp });
  return { web, url, rtmp, token, takeNoteAway };
}

function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
}

/** Takes jobs until `signal` aborts. It opens no database unless the queue lies in one. */
export async function runWorkerProcess(config: Config, log: Log, signal: AbortSignal): Promise<void> {
  // Before the first job: each that it took would end as dead.
  requireFfmpeg('looking at segments and cutting clips');
  const databaseUrl = config.queue.engine === 'postgres' ? await runningDatabase(config, log) : undefined;
  const metadata =
    config.instanceId === ec2InstanceId ? new InstanceMetadata(config.metadataEndpoint) : undefined;
  const instanceId = (await metadata?.instanceId()) ?? config.instanceId;
  const workerId = newId('wrk', random);
  const workerLog = log.child({ part: 'worker', workerId, instanceId });
  const queue = await openQueue({ setting: config.queue, databaseUrl, clock, random, log: workerLog });
  const analyst = openAnalyst(config, workerLog);
  const workFolder = await openWorkFolder({
    parent: join(config.home, 'work'),
    instanceId: hostOf(instanceId),
    pid: process.pid,
    log: workerLog,
  });
  const over = new AbortController();
  const background: Promise<unknown>[] = [];
  try {
    await analyst.ready();
    const encoder = await chooseEncoder(config, workerLog);
    const store = await openStore(config, { clock, random, log: workerLog });
    const heartbeat = new Heartbeat({
      put: async (beat) => await queue.put([beat]),
      workerId,
      instanceId,
      slots: slotsDefault,
      // Its self-test went through, or we would not be here.
      isDeviceOk: true,
      clock,
      log: workerLog,
    });
    const ending = new AbortController();
    if (metadata) {
      const heard = untilEndNotice(metadata, { clock, log: workerLog }, over.signal).then((notice) => {
        if (!notice) return;
        workerLog.warn('EC2 takes this machine back: the worker drains', { ...notice });
        ending.abort();
      });
      background.push(heard);
    }
    background.push(heartbeat.run(over.signal));
    await runDuty(
      {
        work: async (untilDrained) =>
          await runWorker(
            {
              queue,
              store,
              analyse: async (task, signal) => await analyst.analyse({ ...task, signal }),
              cut: async (job, host, tools) => await cutClip(job, host, { ...tools, encoder }),
              clock,
              log: workerLog,
              instanceId,
              workerId,
              heartbeat,
              workFolder: workFolder.path,
            },
            untilDrained,
          ),
        isDrainOrdered: async () => (await store.head(drainOrderKey(instanceId))) !== undefined,
        onState: async (state) => await heartbeat.setState(state),
        clock,
        log: workerLog,
      },
      AbortSignal.any([signal, ending.signal]),
    );
  } finally {
    over.abort();
    await Promise.all(background);
    await analyst.close();
    await workFolder.close();
    await queue.close();
  }
}

async function runningDatabase(config: Config, log: Log): Promise<Secret> {
  const database = await openDatabase(config, log, { isForAMoment: true });
  if (!database.isOurs) return database.url;
  // A queue that nobody else is on, and that would end with us, is of no use to anybody.
  await database.stop();
  throw new TouchlineError({
    code: 'server.unavailable',
    message: `no server runs in ${config.home}: start \`touchline serve\` first, or set DATABASE_URL to the database of the one that runs elsewhere`,
    retryable: true,
    blame: 'environment',
  });
}

/** Several workers of one machine are machines to the local fleet: `vm.w1`, `vm.w2` (`scaling/providers/local.ts`). */
function hostOf(instanceId: string): string {
  return instanceId.replace(/\.w\d+$/, '');
}

/** A worker that is meant for the CPU does not look for a GPU. */
async function chooseEncoder(config: Pick<Config, 'device'>, log: Log): Promise<Encoder> {
  if (config.device === 'cpu') return 'x264';
  const { isUsable, why } = await findNvenc();
  log.info('renditions are encoded here', { encoder: isUsable ? 'nvenc' : 'x264', why });
  return isUsable ? 'nvenc' : 'x264';
}

export function openAnalyst(
  { modelFolders, device, libraryPath }: Pick<Config, 'modelFolders' | 'device' | 'libraryPath'>,
  log: Log,
): Analyst {
  return createAnalyst({ modelFolders, device, libraryPath, log, clock });
}

/** Brings the catalogue forward, and returns the versions that were applied. */
export async function migrateCatalogue(config: Config, log: Log): Promise<number[]> {
  await makeHome(config.home);
  const database = await openDatabase(config, log, { isForAMoment: true });
  try {
    return await migrate({ databaseUrl: database.url.reveal(), migrations, log });
  } finally {
    await database.stop();
  }
}

interface Database {
  url: Secret;
  /** Started by this process. */
  isOurs: boolean;
  stop(): Promise<void>;
}

async function openDatabase(
  config: Config,
  log: Log,
  { isForAMoment }: { isForAMoment: boolean },
): Promise<Database> {
  if (config.databaseUrl) return { url: config.databaseUrl, isOurs: false, stop: async () => {} };
  const embedded = await startEmbeddedPostgres({
    home: config.home,
    clock,
    random,
    log: log.child({ part: 'postgres' }),
    isForAMoment,
  });
  return { url: embedded.databaseUrl, isOurs: embedded.isOurs, stop: async () => await embedded.stop() };
}

async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true });
  } catch (cause) {
    throw new TouchlineError({
      code: 'config.unwritable-home',
      message: `${home} cannot be made (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}): everything that touchline writes goes there. Set TOUCHLINE_HOME to a folder that can be written.`,
      retryable: false,
      blame: 'environment',
      cause,
    });
  }
}
