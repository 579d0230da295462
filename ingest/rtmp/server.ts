import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Random } from '../../core/random.ts';
import type { Secret } from '../../core/secret.ts';
import type { RtmpSession, SessionListener } from './connection.ts';

/** Takes publishers in at `rtmp://HOST:PORT/live/KEY`. Made by `createRtmpServer(options)`. */
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
export interface RtmpLimits {
  /** From the TCP connection to the publish command: 10 s. */
  admissionMsMax: number;
  /** For the answer of `authenticate`: 3 s. */
  authenticationMsMax: number;
  /** Without media before `onStalled(true)`: 2 s. */
  stalledMs: number;
  /** Without a byte before the publisher counts as gone: 10 s. */
  silentMsMax: number;
  /** Without media, though the connection lives: 60 s. */
  mediaGapMsMax: number;
  /** Open connections: 1024. */
  connectionCountMax: number;
  /** Connections of one address that have not published yet: 64. */
  pendingPerAddressMax: number;
}
