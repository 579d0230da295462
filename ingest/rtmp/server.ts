import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { Random } from '../../core/random.ts';
import type { Secret } from '../../core/secret.ts';
import {
  RtmpConnection,
  type ConnectionLimits,
  type RtmpSession,
  type SessionEnd,
  type SessionListener,
  type Verdict,
} from './connection.ts';
import { FailureBudget } from './failure-budget.ts';
import { handshakeBytes } from './handshake.ts';
import { Publishers } from './publishers.ts';
import { RefusalLog } from './refusal-log.ts';
import { cannotCheck, duplicateEncoder, tooManyFailures, wrongKey, type Refusal } from './refusals.ts';

/** Takes publishers in at `rtmp://HOST:PORT/live/KEY`. */
export function createRtmpServer(options: RtmpServerOptions): RtmpServer {
  return new TcpRtmpServer(options);
}

export interface RtmpServer {
  /**
   * Binds the port; `run` does it too when it was not done.
   *
   * @returns the port, which matters when 0 was asked for
   * @throws TouchlineError `ingest.port-taken`, `ingest.port-refused`
   */
  listen(): Promise<number>;
  /** Serves until `signal` aborts, then ends every session ('stopped') and returns when all sockets are gone. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RtmpServerOptions {
  host: string;
  port: number;
  clock: Clock;
  random: Random;
  log: Log;
  /**
   * Which channel a key opens; undefined = refuse. Waited for 3 s, and what it throws refuses as well, without being
   * held against the address.
   */
  authenticate(key: Secret, remote: { address: string }): Promise<string | undefined>;
  /**
   * A publisher was accepted. The channel's session before it has had its `onEnd` already. To refuse it after all
   * (channel not started), call `session.close('stopped')` in here.
   */
  onSession(session: RtmpSession): SessionListener;
  limits?: Partial<RtmpLimits>;
}

/** Tests hand in smaller ones. */
interface RtmpLimits extends ConnectionLimits {
  /** Open connections: 1024. */
  connectionCountMax: number;
  /** Connections of one address that have not published yet: 64. */
  pendingPerAddressMax: number;
}

const defaultLimits: RtmpLimits = {
  admissionMsMax: 10_000,
  authenticationMsMax: 3000,
  stalledMs: 2000,
  silentMsMax: 10_000,
  mediaGapMsMax: 60_000,
  restsAfterMs: 5000,
  connectionCountMax: 1024,
  pendingPerAddressMax: 64,
};

/** How often limits are looked at and resting publishers read: a tenth of the shortest that a person would notice. */
const tickMs = 100;
/** Without a connection there is only the log to look after. */
const idleTickMs = 1000;

class TcpRtmpServer implements RtmpServer {
  readonly #options: RtmpServerOptions;
  readonly #limits: RtmpLimits;
  readonly #failures = new FailureBudget();
  readonly #publishers = new Publishers();
  /** Until their socket is closed. */
  readonly #connections = new Set<RtmpConnection>();
  readonly #sessions = new Map<string, RtmpConnection>();
  readonly #refusals: RefusalLog;
  #listening: Promise<Server> | undefined;
  /** Cuts the wait for the next tick short. */
  #wakeUp = new AbortController();

  constructor(options: RtmpServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#refusals = new RefusalLog(options.log);
  }

  async listen(): Promise<number> {
    const server = await this.#bind();
    return (server.address() as AddressInfo).port;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const server = await this.#bind();
    signal.addEventListener('abort', () => this.#wakeUp.abort(), { once: true });
    while (!signal.aborted) {
      // Nothing is asked of a server without connections, and each wake-up costs more than it does.
      if (this.#wakeUp.signal.aborted) this.#wakeUp = new AbortController();
      const ms = this.#connections.size > 0 ? tickMs : idleTickMs;
      await clock.sleep(ms, this.#wakeUp.signal).catch(() => {});
      const nowMs = clock.monotonicMs();
      for (const connection of this.#connections) connection.check(nowMs);
      this.#refusals.tick(nowMs);
    }
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  #bind(): Promise<Server> {
    this.#listening ??= this.#openPort();
    return this.#listening;
  }

  async #openPort(): Promise<Server> {
    const { host, port, log } = this.#options;
    // No reading ahead: a socket that is paused is left to the kernel, which is where back-pressure begins.
    const server = createServer({ highWaterMark: 0 }, (socket) => this.#onSocket(socket));
    server.maxConnections = this.#limits.connectionCountMax;
    server.on('drop', () => this.#refusals.note('too many connections', {}));
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve);
      server.once('error', (error: NodeJS.ErrnoException) => reject(portError({ host, port }, error)));
      server.listen({ host, port });
    });
    server.on('error', (error) => log.error('rtmp server failed to accept', { error }));
    log.info('rtmp server listening', { host, port: (server.address() as AddressInfo).port });
    return server;
  }

  #onSocket(socket: Socket): void {
    const { random, clock } = this.#options;
    const connection = new RtmpConnection(socket, {
      host: {
        clock,
        limits: this.#limits,
        authenticate: (key, remote) => this.#authenticate(key, remote),
        claim: (connection, channelId) => this.#claim(connection, channelId),
        open: (session) => this.#options.onSession(session),
        onOver: (connection, end) => this.#onOver(connection, end),
      },
      random: random.bytes(handshakeBytes - 8),
    });
    this.#connections.add(connection);
    if (this.#connections.size === 1) this.#wakeUp.abort();
    socket.once('close', () => this.#connections.delete(connection));
    if (this.#pendingCount(connection.remoteAddress) > this.#limits.pendingPerAddressMax) {
      this.#refusals.note('too many connections of one address', { address: connection.remoteAddress });
      socket.destroy();
    }
  }

  #pendingCount(address: string): number {
    let count = 0;
    for (const connection of this.#connections) {
      if (!connection.isAccepted && connection.remoteAddress === address) count += 1;
    }
    return count;
  }

  async #authenticate(key: Secret, remote: { address: string }): Promise<Verdict> {
    const { clock, log } = this.#options;
    const chargedAtMs = clock.monotonicMs();
    const waitMs = this.#failures.charge(remote.address, chargedAtMs);
    if (waitMs > 0) return tooManyFailures(waitMs);
    try {
      const channelId = await this.#options.authenticate(key, remote);
      if (channelId === undefined) return wrongKey();
      this.#failures.refund(remote.address, chargedAtMs);
      return { kind: 'opens', channelId };
    } catch (error) {
      this.#failures.refund(remote.address, chargedAtMs);
      log.error('publishing keys cannot be checked', { error });
      return cannotCheck(error);
    }
  }

  #claim(connection: RtmpConnection, channelId: string): { sessionId: string } | Refusal {
    const { clock, random, log } = this.#options;
    const nowMs = clock.monotonicMs();
    const sessionId = newId('ses', random);
    const claim = this.#publishers.claim(channelId, {
      sessionId,
      nowMs,
      holderIsSilent: (holder) => this.#sessions.get(holder)?.isSilent(nowMs) ?? true,
    });
    if (claim.kind === 'refused') {
      const holder = this.#sessions.get(claim.holder);
      if (holder) holder.stats.refusedRivalCount += 1;
      log.warn('two encoders use one key', { channelId, address: connection.remoteAddress });
      return duplicateEncoder();
    }
    if (claim.replaces !== undefined) this.#sessions.get(claim.replaces)?.giveWay();
    this.#sessions.set(sessionId, connection);
    log.info('publisher accepted', {
      sessionId,
      channelId,
      address: connection.remoteAddress,
      encoder: connection.encoder,
      replaces: claim.replaces,
    });
    return { sessionId };
  }

  #onOver(connection: RtmpConnection, end: SessionEnd): void {
    const { error } = end;
    if (!connection.isAccepted) {
      // Ports are probed all day: what says nothing and leaves is no event.
      if (error) this.#refusals.note('publisher refused', { address: connection.remoteAddress, error });
      return;
    }
    const { id: sessionId, channelId, stats, ignoredCount } = connection;
    this.#sessions.delete(sessionId);
    this.#publishers.release(channelId, sessionId);
    const { log } = this.#options;
    log.info('publisher left', { sessionId, channelId, why: end.why, error, ignoredCount, ...stats });
  }
}

function portError(at: { host: string; port: number }, cause: NodeJS.ErrnoException): TouchlineError {
  const isTaken = cause.code === 'EADDRINUSE';
  const what = isTaken
    ? `RTMP port ${at.port} on ${at.host} is taken by another program (another touchline, nginx, OBS?): stop that`
    : `RTMP port ${at.port} on ${at.host} cannot be opened (${cause.code ?? cause.message}): choose an address of this machine and a port above 1023`;
  return new TouchlineError({
    code: isTaken ? 'ingest.port-taken' : 'ingest.port-refused',
    message: `${what}, or set TOUCHLINE_RTMP_PORT to a free one`,
    retryable: false,
    blame: 'environment',
    cause,
  });
}
