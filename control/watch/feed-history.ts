import type { Clock } from '../../core/clock.ts';
import type { ChannelHealth } from '../../ingest/channel.ts';

export interface FeedSample {
  atMs: number;
  bitrateBps: number;
  framesPerSecond: number;
  keyframeIntervalMs: number;
  droppedFrameCount: number;
}

/** What a feed was like lately, and what it was like last when it is gone. */
export interface FeedPast {
  /** One a second while media came, oldest first; nothing is added while none comes. */
  samples: readonly FeedSample[];
  /** The newest health with media in it. */
  last: { health: ChannelHealth; atMs: number } | undefined;
}

/** A minute: what fits on a phone. */
const samplesMax = 60;
/** The channels of a large control process; of those that are not heard of any more the oldest are forgotten. */
const channelsMax = 1_000;

/** The last minute of every channel's feed, in memory: it is of use while somebody looks, and a restart ends every session anyway. */
export class FeedHistory {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #channels = new Map<string, { samples: FeedSample[]; last: FeedPast['last'] }>();

  constructor({ clock }: { clock: Pick<Clock, 'nowMs'> }) {
    this.#clock = clock;
  }

  /** Told about once a second of each channel. A feed that is gone leaves what was seen last: no line to zero is drawn. */
  readonly note = (health: ChannelHealth): void => {
    if (health.bitrateBps === 0) return;
    const atMs = this.#clock.nowMs();
    const channel = this.#channels.get(health.channelId) ?? { samples: [], last: undefined };
    this.#channels.delete(health.channelId);
    this.#channels.set(health.channelId, channel);
    const oldest = this.#channels.keys().next().value;
    if (this.#channels.size > channelsMax && oldest !== undefined) this.#channels.delete(oldest);
    channel.last = { health, atMs };
    const { bitrateBps, framesPerSecond, keyframeIntervalMs, droppedFrameCount } = health;
    channel.samples.push({ atMs, bitrateBps, framesPerSecond, keyframeIntervalMs, droppedFrameCount });
    if (channel.samples.length > samplesMax) channel.samples.shift();
  };

  of(channelId: string): FeedPast {
    return this.#channels.get(channelId) ?? { samples: [], last: undefined };
  }
}
