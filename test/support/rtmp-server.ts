import { systemClock, type Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import type { MediaPacket } from '../../ingest/media-packet.ts';
import type { RtmpSession, SessionEnd } from '../../ingest/rtmp/connection.ts';
import { createRtmpServer, type RtmpServerOptions } from '../../ingest/rtmp/server.ts';
import { Changes } from './rtmp-changes.ts';

/** One session as a listener saw it. */
export interface SeenSession {
  session: RtmpSession;
  packets: MediaPacket[];
  stalls: boolean[];
  end: SessionEnd | undefined;
}

/** A running server whose sessions are written down. */
export interface WatchedServer {
  port: number;
  sessions: SeenSession[];
  /** Everything that was logged, as one text. */
  logged(): string;
  /** Resolves when the condition holds; looked at after every event of a session. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export async function watchServer(
  options: Partial<RtmpServerOptions> & { onPacket?: (seen: SeenSession, packet: MediaPacket) => void } = {},
): Promise<WatchedServer> {
  const sessions: SeenSession[] = [];
  const lines: string[] = [];
  const changes = new Changes();
  const clock: Clock = options.clock ?? systemClock;
  const server = createRtmpServer({
    host: '127.0.0.1',
    port: 0,
    clock,
    random: systemRandom,
    log: linesLog(lines),
    authenticate: async (key) => (key.reveal().startsWith('right') ? `ch_${key.reveal()}` : undefined),
    onSession: (session) => {
      const seen: SeenSession = { session, packets: [], stalls: [], end: undefined };
      sessions.push(seen);
      changes.note();
      return {
        onPacket: (packet) => {
          seen.packets.push(packet);
          options.onPacket?.(seen, packet);
          changes.note();
        },
        onStalled: (isStalled) => {
          seen.stalls.push(isStalled);
          changes.note();
        },
        onEnd: (end) => {
          seen.end = end;
          changes.note();
        },
      };
    },
    ...options,
  });
  const port = await server.listen();
  const stopping = new AbortController();
  const running = server.run(stopping.signal);
  return {
    port,
    sessions,
    logged: () => lines.join('\n'),
    until: (condition) => changes.until(condition),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

function linesLog(lines: string[]): Log {
  const write = (message: string, fields?: Record<string, unknown>): void => {
    const { error } = fields ?? {};
    const told = error instanceof Error ? `${String(error.stack)} ${JSON.stringify(error)}` : '';
    lines.push(`${message} ${JSON.stringify(fields)} ${told}`);
  };
  return { debug: write, info: write, warn: write, error: write, child: () => linesLog(lines) };
}
