import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { isOnPath, probe, startChild, type ProcessExit } from '../../core/process.ts';

/**
 * A network namespace in which nothing answers but the TCP ports of this machine that are let in, under the same addresses:
 * what a private subnet with two endpoints looks like from inside. bubblewrap makes it and brings its loopback up; each port
 * goes out through a Unix socket, the only thing that both sides can see.
 */
export const canSeal =
  process.platform === 'linux' &&
  isOnPath('bwrap') &&
  probe('bwrap', ['--dev-bind', '/', '/', '--unshare-net', '--', 'true']).ok;

export interface Sealed {
  pid: number;
  /** How often each port was connected to from inside. */
  connections: ReadonlyMap<number, number>;
  /** SIGTERM to the command inside, and waits for the end. */
  stop(): Promise<ProcessExit>;
  exit: Promise<ProcessExit>;
}

/** Starts `args` of Node in there. */
export async function startSealed(options: {
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  ports: readonly number[];
  wallMsMax: number;
}): Promise<Sealed> {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-sealed-'));
  const connections = new Map<number, number>();
  const relays: Relay[] = [];
  for (const port of options.ports) {
    connections.set(port, 0);
    relays.push(
      await relay(join(folder, `${port}.sock`), port, () => {
        connections.set(port, (connections.get(port) ?? 0) + 1);
      }),
    );
  }
  const child = await startChild({
    command: 'bwrap',
    args: [
      '--dev-bind',
      '/',
      '/',
      '--unshare-net',
      '--die-with-parent',
      '--',
      process.execPath,
      '-e',
      inside,
      folder,
      options.ports.join(','),
      ...options.args,
    ],
    env: options.env,
    wallMsMax: options.wallMsMax,
  });
  for (const output of child.outputs) output.resume();
  const exit = child.exit.finally(() => {
    for (const one of relays) one.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    pid: child.pid,
    connections,
    stop: async () => {
      // The relay inside passes the end of its stdin on as a SIGTERM: bubblewrap passes no signals.
      child.stdin.end();
      return await exit;
    },
    exit,
  };
}

interface Relay {
  close(): void;
}

async function relay(path: string, port: number, onConnection: () => void): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((inner) => {
    onConnection();
    const outer = connect({ host: '127.0.0.1', port });
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.once('close', () => sockets.delete(one));
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Runs inside, where there is no loader for TypeScript: the other half of each relay, and the command itself. */
const inside = `
const net = require('node:net');
const { spawn } = require('node:child_process');
const [folder, ports, ...args] = process.argv.slice(1);
const listening = ports.split(',').filter(Boolean).map((port) => new Promise((resolve) => {
  net.createServer((inner) => {
    const outer = net.connect(folder + '/' + port + '.sock');
    inner.pipe(outer).pipe(inner);
    inner.on('error', () => outer.destroy());
    outer.on('error', () => inner.destroy());
  }).listen(Number(port), '127.0.0.1', resolve);
}));
Promise.all(listening).then(() => {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  process.stdin.resume().once('end', () => child.kill('SIGTERM'));
  child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
});
`;
