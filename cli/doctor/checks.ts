import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';

import { findCuda, thisMachine } from '../../analytics/inference/cuda-libraries.ts';
import { chooseDevice } from '../../analytics/inference/device.ts';
import { builtInModel, readModelFolder } from '../../analytics/inference/model-folder.ts';
import { loadModel } from '../../analytics/inference/loaded-model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Config } from '../config.ts';
import { policyOf } from '../scaling-policy.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { findNvdec, findNvenc } from '../../core/ffmpeg-hardware.ts';
import { canSandbox } from '../../core/ffmpeg.ts';
import { silentLog } from '../../core/log.ts';
import { isOnPath, probe } from '../../core/process.ts';
import type { Random } from '../../core/random.ts';
import { openCatalogue } from '../../store/catalogue.ts';
import { startEmbeddedPostgres } from '../../store/embedded-postgres.ts';
import { openStore } from '../../store/open-store.ts';
import { storePlaceText } from '../../store/store-place.ts';

export interface DoctorContext {
  config: Config;
  clock: Clock;
  random: Random;
  /** A server of this home is running: its ports are taken by right. */
  isRunning: boolean;
}

export interface Finding {
  name: string;
  /** `warn` works, with less safety or speed. */
  level: 'ok' | 'warn' | 'bad';
  /** What was seen; for `warn` and `bad` also how to mend it. */
  message: string;
}

/** One after the other, each proving its thing by doing it: what a new machine needs before `touchline up`. */
export const checks: readonly { name: string; check: (context: DoctorContext) => Promise<Finding> }[] = [
  { name: 'node', check: async ({ config }) => checkNode(process.versions.node, namesAws(config)) },
  { name: 'policy', check: async ({ config }) => checkPolicy(config) },
  { name: 'ffmpeg', check: async () => checkFfmpeg() },
  { name: 'sandbox', check: async () => checkSandbox() },
  { name: 'disk', check: async ({ config }) => await checkDisk(config) },
  { name: 'ports', check: checkPorts },
  { name: 'store', check: checkStore },
  { name: 'database', check: checkDatabase },
  { name: 'device', check: async ({ config }) => checkDevice(config) },
  { name: 'gpu', check: async ({ config }) => await checkGpu(config) },
  { name: 'models', check: checkModels },
];

/** A check that throws has found something: the message of the error says what and how to mend it. */
export async function examine(name: string, check: () => Promise<Finding>): Promise<Finding> {
  return await check().catch((thrown: unknown) => bad(name, asTouchlineError(thrown).message));
}

/** The first that AWS's SDK will take; what it says about that itself is silenced (`core/env.ts`). */
const sdkMajorMin = 22;

export function checkNode(version: string, usesAws: boolean): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > 20 || (major === 20 && minor >= 19);
  if (isNewEnough && usesAws && major < sdkMajorMin) {
    const message = `${version} works, but releases of AWS's SDK after January 2027 want Node ${sdkMajorMin}: move to it before you update`;
    return { name: 'node', level: 'warn', message };
  }
  if (isNewEnough) return ok('node', version);
  return bad('node', `Node ${version} is too old: install 20.19 or newer from https://nodejs.org/`);
}

function namesAws({ store, queue, mediaLiveRole }: Config): boolean {
  return store.kind === 's3' || queue.engine === 'sqs' || mediaLiveRole !== undefined;
}

function checkPolicy(config: Config): Finding {
  policyOf(config);
  const { scalingPolicy: path } = config;
  return ok('policy', path === undefined ? 'scaling as it comes' : `${path} contradicts nothing`);
}

export function checkFfmpeg(encoders = probe('ffmpeg', ['-hide_banner', '-encoders'])): Finding {
  const install = 'on Debian: sudo apt-get install -y ffmpeg; on macOS: brew install ffmpeg';
  if (!isOnPath('ffmpeg') || !isOnPath('ffprobe')) return bad('ffmpeg', `not on the PATH: ${install}`);
  if (!encoders.ok) return bad('ffmpeg', `does not start: install it anew, ${install}`);
  const missing = ['libx264', 'aac'].filter(
    (name) => !new RegExp(`^ \\S+ ${name} `, 'm').test(encoders.stdout),
  );
  if (missing.length > 0) {
    return bad('ffmpeg', `was built without ${missing.join(' and ')}: install one that has it, ${install}`);
  }
  const version = /^ffmpeg version (\S+)/.exec(probe('ffmpeg', ['-version']).stdout)?.[1] ?? 'unknown';
  return ok('ffmpeg', `${version} with libx264 and aac`);
}

function checkSandbox(): Finding {
  if (canSandbox()) return ok('sandbox', 'ffmpeg reads media from strangers in bubblewrap, without network');
  const why = isOnPath('bwrap')
    ? 'bwrap is here but may not make namespaces (a container often forbids it): run outside of it, or allow user namespaces'
    : 'bubblewrap is missing; on Debian: sudo apt-get install -y bubblewrap';
  return { name: 'sandbox', level: 'warn', message: `ffmpeg runs without a sandbox: ${why}` };
}

/** An hour of a 6 Mb/s feed with its clips is about 4 GB: less than that ends a match early. */
const freeBytesWanted = 4 * 1024 ** 3;
/** Below this the server itself says that it is not ready. */
const freeBytesMin = 256 * 1024 ** 2;

async function checkDisk({ home, store }: Config): Promise<Finding> {
  // With objects in S3 the disk holds the journals and what is being worked on.
  const folder = store.kind === 'folder' ? store.folder : home;
  const { bavail, bsize } = await freeAt(folder);
  const freeBytes = bavail * bsize;
  const gigabytes = `${(freeBytes / 1024 ** 3).toFixed(1)} GB free for ${folder}`;
  if (freeBytes >= freeBytesWanted) return ok('disk', gigabytes);
  if (store.kind === 's3' && freeBytes >= freeBytesMin) return ok('disk', gigabytes);
  const level = freeBytes >= freeBytesMin ? 'warn' : 'bad';
  const mend = 'an hour of one channel takes about 4 GB: make room, or set TOUCHLINE_STORE to a larger disk';
  return { name: 'disk', level, message: `${gigabytes} (home ${home}): ${mend}` };
}

/** The folder may not be there yet: then the nearest above it that is. */
async function freeAt(folder: string): Promise<{ bavail: number; bsize: number }> {
  for (let at = folder; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    const found = await statfs(at).catch(() => undefined);
    if (found || at === '/') return found ?? { bavail: 0, bsize: 0 };
  }
}

async function checkPorts({ config, isRunning }: DoctorContext): Promise<Finding> {
  const wanted = [
    { host: config.httpHost, port: config.httpPort, setting: 'TOUCHLINE_HTTP_PORT' },
    { host: config.rtmpHost, port: config.rtmpPort, setting: 'TOUCHLINE_RTMP_PORT' },
  ];
  const list = wanted.map(({ host, port }) => `${host}:${port}`).join(', ');
  if (isRunning) return ok('ports', `${list} (the server of this home has them)`);
  const problems: string[] = [];
  for (const { host, port, setting } of wanted) {
    const fault = await tryToListen(host, port);
    if (fault === 'EADDRINUSE') problems.push(`${host}:${port} is taken: stop who has it, or set ${setting}`);
    else if (fault !== undefined) problems.push(`${host}:${port} cannot be had (${fault}): set ${setting}`);
  }
  return problems.length === 0 ? ok('ports', `${list} are free`) : bad('ports', problems.join('; '));
}

async function tryToListen(host: string, port: number): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}

async function checkStore({ config, clock, random }: DoctorContext): Promise<Finding> {
  const store = await openStore(config, { clock, random, log: silentLog });
  await store.check();
  return ok('store', `${storePlaceText(config.store)} takes, gives back and removes an object`);
}

async function checkDatabase({ config, clock, random }: DoctorContext): Promise<Finding> {
  const embedded = config.databaseUrl
    ? undefined
    : await startEmbeddedPostgres({ home: config.home, clock, random, log: silentLog });
  try {
    const databaseUrl = (embedded?.databaseUrl ?? config.databaseUrl)?.reveal() ?? '';
    const catalogue = await openCatalogue({ databaseUrl, poolMax: 1 });
    try {
      await catalogue.ping();
    } finally {
      await catalogue.close();
    }
  } finally {
    await embedded?.stop();
  }
  return ok('database', embedded ? 'our own PostgreSQL starts and answers' : 'DATABASE_URL answers');
}

type DeviceConfig = Pick<DoctorContext['config'], 'device' | 'libraryPath'>;

export function checkDevice(config: DeviceConfig, look = thisMachine(config.libraryPath)): Finding {
  const { device, why } = chooseDevice(config.device, () => findCuda(look));
  return ok('device', `models run on ${device} (${why})`);
}

/** ffmpeg's use of the GPU is a matter of speed alone; only who asks for CUDA is told of it as a lack. */
export async function checkGpu(
  config: DeviceConfig,
  find = { nvenc: findNvenc, nvdec: findNvdec },
): Promise<Finding> {
  const parts = await Promise.all([find.nvenc(), find.nvdec()]);
  const texts = parts.map(({ isUsable, why }, index) => {
    const name = index === 0 ? 'NVENC' : 'NVDEC';
    return isUsable ? `${name} works` : `no ${name} (${why})`;
  });
  const isLacking = config.device === 'cuda' && parts.some(({ isUsable }) => !isUsable);
  const mend = isLacking ? ': install the NVIDIA driver, with its encode and decode libraries' : '';
  return { name: 'gpu', level: isLacking ? 'warn' : 'ok', message: `${texts.join(', ')}${mend}` };
}

async function checkModels({ config }: DoctorContext): Promise<Finding> {
  const builtIn = await Promise.all(
    (['silero-vad', 'pp-ocrv4-det', 'pp-ocrv4-rec'] as const).map(async (name) => await builtInModel(name)),
  );
  const packs = [...builtIn];
  for (const folder of config.modelFolders) packs.push(...(await readModelFolder(folder)));
  const { device } = chooseDevice(config.device, () => findCuda(thisMachine(config.libraryPath)));
  const partly: string[] = [];
  for (const pack of packs) {
    const { report } = await loadModel(pack, device);
    if (report.placement === 'some-on-cpu') partly.push(pack.manifest.id);
  }
  const loaded = `${packs.length} load on ${device} and pass their self-test`;
  if (partly.length === 0) return ok('models', loaded);
  const message = `${loaded}, but parts of ${partly.join(', ')} run on the CPU: export them with operators that CUDA has`;
  return { name: 'models', level: 'warn', message };
}

function ok(name: string, message: string): Finding {
  return { name, level: 'ok', message };
}

function bad(name: string, message: string): Finding {
  return { name, level: 'bad', message };
}
