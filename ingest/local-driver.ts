import { join } from 'node:path';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';

import type { ChannelDriver, ChannelHealth, ChannelSpec, IngestEvents, IngestHost } from './channel.ts';
import { leftJournals, repairJournals } from './journal.ts';
import { LiveChannel } from './live-channel.ts';
import { diskHangs, Persistence, within } from './persistence.ts';
import type { RtmpServer, RtmpServerOptions } from './rtmp/server.ts';
import { SpillFolder } from './spill.ts';

export interface LocalDriverOptions {
  host: IngestHost;
  events: IngestEvents;
  clock: Clock;
  random: Random;
  log: Log;
  /** Holds `journal/` and `spill/`. Two drivers never share one. */
  folder: string;
  /** Makes the server that publishers connect to: `createRtmpServer` with host and port filled in. */
  createServer(handlers: Pick<RtmpServerOptions, 'authenticate' | 'onSession'>): RtmpServer;
  /** Memory for one session's media: 16 MiB, which is 20 s at 6 Mb/s. */
  heldBytesMax?: number;
  /** Disk for segments that the store does not take, all channels together: 1 GiB, 20 minutes of one feed at 6 Mb/s. */
  spillBytesMax?: number;
}

/** Our own ingest behind the channel port: RTMP in, segments out, health once a second. */
export class LocalDriver implements ChannelDriver {
  readonly #options: LocalDriverOptions;
  readonly #channels = new Map<string, LiveChannel>();
  readonly #server: RtmpServer;
  readonly #spill: SpillFolder;
  readonly #journalFolder: string;
  readonly #leftJournals: readonly string[];
  #tellRepaired: () => void = doNothing;
  readonly #repaired = new Promise<void>((resolve) => {
    this.#tellRepaired = resolve;
  });

  constructor(options: LocalDriverOptions) {
    this.#options = options;
    this.#journalFolder = join(options.folder, 'journal');
    this.#leftJournals = leftJournals(this.#journalFolder);
    this.#spill = new SpillFolder({
      folder: join(options.folder, 'spill'),
      bytesMax: options.spillBytesMax ?? 1024 * 1024 * 1024,
    });
    this.#server = options.createServer({
      authenticate: (key, remote) => this.#authenticate(key, remote),
      onSession: (session) => {
        const channel = this.#channels.get(session.channelId);
        if (channel && !channel.isStopping) return channel.attach(session);
        session.close('stopped');
        return { onPacket: doNothing, onStalled: doNothing, onEnd: doNothing };
      },
    });
  }

  /** @returns the port, which matters when 0 was asked for */
  async listen(): Promise<number> {
    return await this.#server.listen();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopped = new AbortController();
    const untilStopped = AbortSignal.any([signal, stopped.signal]);
    await within(this.#spill.clear(), {
      ms: clearMsMax,
      clock: this.#options.clock,
      late: () => diskHangs('empty spill', clearMsMax),
    });
    const repair = this.#repair(this.#leftJournals, untilStopped);
    try {
      await this.#server.listen();
      await Promise.all([this.#server.run(signal), this.#watch(untilStopped)]);
    } finally {
      stopped.abort();
      await Promise.all([...this.#channels.keys()].map((channelId) => this.stop(channelId)));
      await repair;
    }
  }

  // oxlint-disable-next-line typescript/require-await -- the port is asynchronous: other drivers have to wait here
  async start(channel: ChannelSpec): Promise<void> {
    if (this.#channels.has(channel.channelId)) return;
    const { clock, random, host, events, log, heldBytesMax = 16 * 1024 * 1024 } = this.#options;
    this.#channels.set(
      channel.channelId,
      new LiveChannel(channel, {
        clock,
        random,
        log: log.child({ channelId: channel.channelId }),
        heldBytesMax,
        outlet: {
          host,
          events,
          journalFolder: this.#journalFolder,
          spill: this.#spill,
          announceAfter: this.#repaired,
        },
      }),
    );
  }

  async stop(channelId: string): Promise<void> {
    const channel = this.#channels.get(channelId);
    if (!channel) return;
    await channel.stop();
    if (this.#channels.get(channelId) === channel) this.#channels.delete(channelId);
  }

  health(channelId: string): ChannelHealth | undefined {
    return this.#channels.get(channelId)?.health();
  }

  async #authenticate(...asked: Parameters<IngestHost['authenticate']>): Promise<string | undefined> {
    const channelId = await this.#options.host.authenticate(...asked);
    const channel = channelId === undefined ? undefined : this.#channels.get(channelId);
    if (channelId === undefined || (channel && !channel.isStopping)) return channelId;
    throw new TouchlineError({
      code: 'ingest.channel-stopped',
      message: `the key is right but its channel ${channelId} is not started: start the channel, then the encoder`,
      retryable: true,
      blame: 'caller',
    });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, events } = this.#options;
    for (let healthAtMs = clock.monotonicMs() + healthMs; !signal.aborted;) {
      for (const channel of this.#channels.values()) await channel.tick();
      if (clock.monotonicMs() >= healthAtMs) {
        healthAtMs = clock.monotonicMs() + healthMs;
        for (const channel of this.#channels.values()) events.onHealth(channel.health());
      }
      const isHoldingBack = [...this.#channels.values()].some((channel) => channel.isHoldingBack);
      await clock.sleep(isHoldingBack ? tickMs : healthMs, signal).catch(() => {});
    }
  }

  async #repair(paths: readonly string[], signal: AbortSignal): Promise<void> {
    const { clock, random, log, host, events } = this.#options;
    const persistence = new Persistence({ clock, random, log, signal });
    try {
      await repairJournals({ paths, host, events, persistence, log });
    } catch (error) {
      if (!signal.aborted) log.error('repair failed', { error });
    }
    this.#tellRepaired();
  }
}

/** Short enough that a publisher is not held back longer than the store is slow. */
const tickMs = 250;
/** Where nobody is held back there is nothing else to look after. */
const healthMs = 1000;

/** A GiB in some hundred files that a crash left there. */
const clearMsMax = 60_000;

function doNothing(): void {}
