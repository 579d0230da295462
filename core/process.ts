import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { readEnvironment } from './env.ts';
import { TouchlineError } from './errors.ts';

/** How a child ended. */
export interface ProcessExit {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** Why we ended it, where we did. */
  killedFor: 'wall-limit' | 'abort' | undefined;
  /** Last lines of stderr, oldest first. */
  stderrTail: string[];
  wallMs: number;
}

export interface ChildOptions {
  command: string;
  args: readonly string[];
  /** Killed when it lives longer; 'unlimited' for a server, which its owner stops. */
  wallMsMax: number | 'unlimited';
  signal?: AbortSignal;
  /** File descriptors 3, 4, ... that the child writes to. */
  extraOutputs?: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Another user to run as; needs root. */
  user?: { uid: number; gid: number };
  /** It starts others and may be killed before they are bound to it: then all of its process group are killed. */
  killsGroup?: boolean;
  /** What the kernel sends it when we die: a server may have to finish its files. KILL by default. */
  deathSignal?: 'KILL' | 'INT';
}

export interface RunningChild {
  pid: number;
  stdin: Writable;
  /** stdout, then the extra outputs. Each has to be read, or the child stops when its pipe is full (64 KiB). */
  outputs: readonly Readable[];
  /** Resolves once, when the process has ended and its pipes are closed. Never rejects. */
  exit: Promise<ProcessExit>;
  kill(): void;
}

/**
 * Ctrl-C reaches every process of the terminal's group. We end our children in an order (publishers, workers, then the
 * database under them), so none of them may hear of it before we do.
 */
const ownGroup = { detached: true } as const;

/** 40 lines tell what ffmpeg choked on; 4 KiB a line keeps a child that prints binary from filling memory. */
const stderrLineCountMax = 40;
const stderrLineCharsMax = 4096;

/**
 * Starts a program that ends with us, also when we are killed: on Linux the kernel kills it when its parent dies
 * (prctl PR_SET_PDEATHSIG through `setpriv`, util-linux). Elsewhere a closed stdin has to do.
 *
 * @throws TouchlineError `process.missing` when the program does not exist
 */
export async function startChild(options: ChildOptions): Promise<RunningChild> {
  const startedAt = performance.now();
  // The wrapper would start well and fail to find it: one error for both cases.
  if (!options.command.includes('/') && !isOnPath(options.command))
    throw missing(options.command, 'not found');
  const wrapped = diesWithParent([options.command, ...options.args], options.deathSignal ?? 'KILL');
  const child = spawn(wrapped[0] ?? options.command, wrapped.slice(1), {
    cwd: options.cwd,
    env: options.env,
    ...options.user,
    ...ownGroup,
    stdio: [
      'pipe',
      'pipe',
      'pipe',
      ...Array.from({ length: options.extraOutputs ?? 0 }, () => 'pipe' as const),
    ],
  });
  await spawned(child, options.command);
  const stderr = keepTail(child.stderr);

  let killedFor: ProcessExit['killedFor'];
  const kill = (why?: ProcessExit['killedFor']): void => {
    killedFor ??= why;
    if (options.killsGroup !== true || !killGroup(child.pid)) child.kill('SIGKILL');
  };
  const { wallMsMax } = options;
  const timer = wallMsMax === 'unlimited' ? undefined : setTimeout(() => kill('wall-limit'), wallMsMax);
  const onAbort = (): void => kill('abort');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();

  const exit = new Promise<ProcessExit>((resolve) => {
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      resolve({ exitCode, signal, killedFor, stderrTail: stderr(), wallMs: performance.now() - startedAt });
    });
  });
  // A child that ends before it has read everything breaks the pipe; its exit code tells the story, not EPIPE.
  child.stdin?.on('error', () => {});
  return {
    pid: child.pid ?? 0,
    stdin: child.stdin,
    outputs: [child.stdout, ...(child.stdio.slice(3) as Readable[])],
    exit,
    kill: () => kill('abort'),
  };
}

function killGroup(leader: number | undefined): boolean {
  try {
    return leader !== undefined && process.kill(-leader, 'SIGKILL');
  } catch {
    return false; // It has ended.
  }
}

/** Whether a process of this machine has this number now; another one may have had it before. */
export function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export interface ModuleChild {
  pid: number;
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  exit: Promise<ProcessExit>;
  /** SIGTERM: asks it to drain. */
  terminate(): void;
  kill(): void;
}

/**
 * Starts one of our own modules as a Node process with a message channel (structured clone, so typed arrays travel as
 * they are). `url` comes from `siblingModule`. Such a child must end itself on `disconnect`.
 */
export async function startModule(options: {
  url: URL;
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** V8 old-space limit of the child in MiB. */
  heapMiBMax?: number;
  /** 'inherit' lets its log lines pass through to ours. */
  stderr?: 'inherit' | 'keep';
}): Promise<ModuleChild> {
  const startedAt = performance.now();
  const path = fileURLToPath(options.url);
  const execArgv = path.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
  if (options.heapMiBMax !== undefined) execArgv.push(`--max-old-space-size=${options.heapMiBMax}`);
  const child = fork(path, [...(options.args ?? [])], {
    execArgv,
    ...ownGroup,
    env: options.env ?? readEnvironment(),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', options.stderr === 'inherit' ? 'inherit' : 'pipe', 'ipc'],
  });
  await spawned(child, path);
  const stderr = child.stderr ? keepTail(child.stderr) : () => [];
  child.on('error', () => {}); // A message to a child that has just ended; its exit is reported below.
  return {
    pid: child.pid ?? 0,
    send: (message) => {
      if (child.connected) child.send(message as never);
    },
    onMessage: (listener) => child.on('message', listener),
    exit: new Promise((resolve) => {
      child.once('close', (exitCode, signal) =>
        resolve({
          exitCode,
          signal,
          killedFor: undefined,
          stderrTail: stderr(),
          wallMs: performance.now() - startedAt,
        }),
      );
    }),
    terminate: () => child.kill('SIGTERM'),
    kill: () => child.kill('SIGKILL'),
  };
}

/** The module `name` beside the one that asks, as source or as compiled code, whichever is running. */
export function siblingModule(importMetaUrl: string, name: string): URL {
  const extension = importMetaUrl.endsWith('.ts') ? '.ts' : '.js';
  return new URL(`./${name}${extension}`, importMetaUrl);
}

/** True when a program of that name can be run. Looked up once per name. */
export function isOnPath(command: string): boolean {
  const known = onPath.get(command);
  if (known !== undefined) return known;
  const found = (readEnvironment()['PATH'] ?? '')
    .split(':')
    .some((folder) => folder !== '' && existsSync(`${folder}/${command}`));
  onPath.set(command, found);
  return found;
}
const onPath = new Map<string, boolean>();

/** Runs a short command to its end. For probes at start-up only: it blocks. */
export function probe(command: string, args: readonly string[]): { ok: boolean; stdout: string } {
  const done = spawnSync(command, [...args], { encoding: 'utf8', timeout: 10_000 });
  return { ok: done.status === 0, stdout: done.stdout ?? '' };
}

/**
 * prctl(2): the signal comes when the parent dies after it was asked for. Who was killed between the fork and that call
 * would leave the child alone for ever, so a shell looks at its parent once more before it becomes the command.
 */
function diesWithParent(command: readonly string[], deathSignal: string): string[] {
  const canAsk = process.platform === 'linux' && isOnPath('setpriv');
  if (!canAsk) return [...command];
  const withParent = `[ "$PPID" = ${process.pid} ] && exec "$@"`;
  return ['setpriv', '--pdeathsig', deathSignal, '--', '/bin/sh', '-c', withParent, 'sh', ...command];
}

async function spawned(child: ChildProcess, command: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(missing(command, cause.message, cause)));
  });
}

function missing(command: string, why: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: 'process.missing',
    message: `${command} could not be started (${why}): is it installed and on the PATH?`,
    retryable: false,
    blame: 'environment',
    cause,
  });
}

function keepTail(stream: Readable): () => string[] {
  const lines: string[] = [];
  let partial = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const pieces = (partial + text).split(/[\r\n]+/);
    partial = (pieces.pop() ?? '').slice(0, stderrLineCharsMax);
    for (const piece of pieces) if (piece !== '') lines.push(piece.slice(0, stderrLineCharsMax));
    lines.splice(0, lines.length - stderrLineCountMax);
  });
  stream.on('error', () => {});
  return () => (partial === '' ? [...lines] : [...lines, partial]);
}
