import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';

import { TouchlineError } from './errors.ts';
import { isOnPath, probe, startChild, type ProcessExit, type RunningChild } from './process.ts';

export interface FfmpegJob {
  /** Everything behind `ffmpeg`; inputs are `pipe:0`, outputs `pipe:1`, `pipe:3`, `pipe:4`, ... or files in `workFolder`. */
  args: readonly string[];
  /** What the work is, for the error message: `cutting clip clp_...`. */
  what: string;
  /** Fed to `pipe:0`. */
  input?: Uint8Array | AsyncIterable<Uint8Array>;
  /** How many outputs beyond stdout. */
  extraOutputs?: number;
  wallMsMax: number;
  signal?: AbortSignal;
  /** The only folder that the sandboxed ffmpeg can read and write; absent = no files at all. */
  workFolder?: string;
  /** Gives way to every other process: for what nobody waits for. */
  isBackground?: boolean;
  /** A file that it may read beside that, by absolute path: for input that has to be seekable. */
  inputFile?: string;
}

/**
 * The one place where ffmpeg runs. It is told to open pipes (and, with a work folder, files) only, dies with us, has a
 * wall limit, and lives in a bubblewrap sandbox without network where that is possible: media comes from strangers.
 *
 * @returns what it wrote to each output
 * @throws TouchlineError `ffmpeg.failed`, `ffmpeg.wall-limit`, `ffmpeg.missing`; exit code 0 says little: check what came out
 */
export async function runFfmpeg(job: FfmpegJob): Promise<Buffer[]> {
  const child = await startFfmpeg(job);
  const outputs = child.outputs.map(collect);
  await feed(child, job.input);
  const exit = await child.exit;
  throwIfFailed(exit, job);
  return await Promise.all(outputs);
}

/** As `runFfmpeg`, for callers that read the outputs as they come. They must await `exit` and pass it to `throwIfFailed`. */
export async function startFfmpeg(job: FfmpegJob): Promise<RunningChild> {
  requireFfmpeg(job.what);
  const polite = job.isBackground === true && isOnPath('nice') ? ['nice', '-n', '15'] : [];
  const ffmpeg = ['ffmpeg', '-nostdin', '-hide_banner', '-loglevel', 'error', ...job.args];
  const command = [...polite, ...(canSandbox() ? sandboxed(ffmpeg, job) : ffmpeg)];
  return await startChild({
    command: command[0] ?? 'ffmpeg',
    args: command.slice(1),
    wallMsMax: job.wallMsMax,
    // bubblewrap killed in its first milliseconds leaves a half of itself that waits for the other for ever.
    killsGroup: true,
    ...(job.signal ? { signal: job.signal } : {}),
    ...(job.extraOutputs === undefined ? {} : { extraOutputs: job.extraOutputs }),
    ...(job.workFolder === undefined ? {} : { cwd: job.workFolder }),
    // The environment holds credentials; ffmpeg needs none of it.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  });
}

/** @throws TouchlineError `ffmpeg.missing`: nothing that looks or cuts can be done here, and no other try changes that */
export function requireFfmpeg(what: string): void {
  if (isOnPath('ffmpeg')) return;
  throw new TouchlineError({
    code: 'ffmpeg.missing',
    message: `ffmpeg is not on the PATH (needed for ${what}). On Debian: sudo apt-get install -y ffmpeg`,
    retryable: false,
    blame: 'environment',
  });
}

export function throwIfFailed(exit: ProcessExit, job: Pick<FfmpegJob, 'what' | 'wallMsMax'>): void {
  if (exit.killedFor === 'abort') {
    throw new TouchlineError({
      code: 'aborted',
      message: `${job.what} was called off`,
      retryable: true,
      blame: 'touchline',
    });
  }
  if (exit.killedFor === 'wall-limit') {
    throw new TouchlineError({
      code: 'ffmpeg.wall-limit',
      message: `ffmpeg was ended after ${job.wallMsMax} ms while ${job.what}: the limit for this work`,
      retryable: true,
      blame: 'environment',
    });
  }
  if (exit.exitCode === 0) return;
  const how = exit.exitCode === null ? `by ${exit.signal}` : `with exit code ${exit.exitCode}`;
  const lastLine = exit.stderrTail.at(-1) ?? 'it said nothing';
  throw new TouchlineError({
    code: 'ffmpeg.failed',
    message: `ffmpeg stopped ${how} after ${Math.round(exit.wallMs)} ms while ${job.what} (last line: "${lastLine}")`,
    // Killed from outside (out of memory, an operator) may go through next time; an exit code is about the input.
    retryable: wasKilled(exit),
    blame: wasKilled(exit) ? 'environment' : 'input',
    cause: exit.stderrTail,
  });
}

/** bubblewrap stands between us and ffmpeg and reports its signal as a shell does, 128 + number: SIGKILL or SIGTERM. */
function wasKilled(exit: ProcessExit): boolean {
  return exit.exitCode === null || exit.exitCode === 128 + 9 || exit.exitCode === 128 + 15;
}

/** Writes all of `input` to the child's stdin at the child's pace, then closes it. Never rejects for a broken pipe. */
export async function feed(child: RunningChild, input: FfmpegJob['input']): Promise<void> {
  const ended = child.exit.then(() => undefined);
  const chunks = input instanceof Uint8Array || input === undefined ? [input ?? new Uint8Array()] : input;
  for await (const chunk of chunks) {
    if (child.stdin.destroyed) break;
    if (!child.stdin.write(chunk)) {
      await Promise.race([new Promise((resolve) => child.stdin.once('drain', resolve)), ended]);
    }
  }
  child.stdin.end();
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** bubblewrap exists everywhere on Debian but containers often forbid the namespaces it needs: tried once. */
export function canSandbox(): boolean {
  sandboxWorks ??=
    process.platform === 'linux' && isOnPath('bwrap') && probe('bwrap', [...sandboxArgs(), '--', 'true']).ok;
  return sandboxWorks;
}
let sandboxWorks: boolean | undefined;

function sandboxed(command: readonly string[], job: FfmpegJob): string[] {
  const { workFolder, inputFile } = job;
  const input = inputFile === undefined ? [] : ['--ro-bind', inputFile, inputFile];
  const work = workFolder === undefined ? [] : ['--bind', workFolder, workFolder, '--chdir', workFolder];
  return ['bwrap', ...sandboxArgs(), ...work, ...input, '--', ...command];
}

/** What libcuda opens (one GPU a worker: the first); without them NVENC and NVDEC are missing inside, whatever is outside. */
const gpuNodes = ['/dev/nvidiactl', '/dev/nvidia0', '/dev/nvidia-uvm', '/dev/nvidia-uvm-tools'];

function sandboxArgs(): string[] {
  const linked = ['/bin', '/sbin', '/lib', '/lib64', '/lib32'].filter((path) => existsSync(path));
  const read = ['/etc/alternatives', '/etc/ld.so.cache', '/etc/fonts'].filter((path) => existsSync(path));
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--cap-drop',
    'ALL',
    '--ro-bind',
    '/usr',
    '/usr',
    ...linked.flatMap((path) => ['--ro-bind', path, path]),
    ...read.flatMap((path) => ['--ro-bind', path, path]),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    ...gpuNodes.filter((path) => existsSync(path)).flatMap((path) => ['--dev-bind', path, path]),
    '--tmpfs',
    '/tmp',
  ];
}
