import { ticksPerMs } from '../core/media-time.ts';

import type { TimedPacket } from './timeline.ts';

export interface FeedRates {
  bitrateBps: number;
  framesPerSecond: number;
  /** Between the last two keyframes, or since the last one when that is longer already. 0 = not known yet. */
  keyframeIntervalMs: number;
  hasAudio: boolean;
}

/** Measures what a feed delivers, over whole seconds of our own clock: the last five that are over. */
export class FeedMeter {
  readonly #buckets = Array.from({ length: windowSeconds + 1 }, () => ({ second: -1, bytes: 0, frames: 0 }));
  #firstSecond: number | undefined;
  #lastKeyframe90k: number | undefined;
  #keyframeInterval90k = 0;
  #newestPicture90k = 0;
  #lastSoundMonotonicMs = -Infinity;

  add(packet: TimedPacket, monotonicMs: number): void {
    if (packet.kind === 'discontinuity') {
      this.#lastKeyframe90k = undefined;
      return;
    }
    if (packet.kind !== 'video' && packet.kind !== 'audio') return;
    const bucket = this.#bucketAt(Math.floor(monotonicMs / 1000));
    bucket.bytes += packet.data.length;
    if (packet.kind === 'audio') {
      this.#lastSoundMonotonicMs = monotonicMs;
      return;
    }
    bucket.frames += 1;
    this.#newestPicture90k = packet.pts90k;
    if (!packet.isKeyframe) return;
    if (this.#lastKeyframe90k !== undefined) {
      this.#keyframeInterval90k = packet.pts90k - this.#lastKeyframe90k;
    }
    this.#lastKeyframe90k = packet.pts90k;
  }

  read(monotonicMs: number): FeedRates {
    const now = Math.floor(monotonicMs / 1000);
    const seconds = Math.min(windowSeconds, now - (this.#firstSecond ?? now));
    let bytes = 0;
    let frames = 0;
    for (const bucket of this.#buckets) {
      if (bucket.second < now - seconds || bucket.second >= now) continue;
      bytes += bucket.bytes;
      frames += bucket.frames;
    }
    const since90k = this.#lastKeyframe90k === undefined ? 0 : this.#newestPicture90k - this.#lastKeyframe90k;
    return {
      bitrateBps: seconds > 0 ? Math.round((bytes * 8) / seconds) : 0,
      framesPerSecond: seconds > 0 ? Math.round((frames * 100) / seconds) / 100 : 0,
      keyframeIntervalMs: Math.round(Math.max(since90k, this.#keyframeInterval90k) / ticksPerMs),
      hasAudio: monotonicMs - this.#lastSoundMonotonicMs < silenceMs,
    };
  }

  #bucketAt(second: number): { second: number; bytes: number; frames: number } {
    this.#firstSecond ??= second;
    const bucket = this.#buckets[second % this.#buckets.length] ?? { second, bytes: 0, frames: 0 };
    if (bucket.second !== second) Object.assign(bucket, { second, bytes: 0, frames: 0 });
    return bucket;
  }
}

const windowSeconds = 5;
/** Sound frames come 40 times a second: two seconds without one is no hiccup. */
const silenceMs = 2000;
