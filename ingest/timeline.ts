import { ticksFromMs, ticksPerSecond } from '../core/media-time.ts';

import type { MediaPacket } from './media-packet.ts';

/** When a packet came in: durations are measured with the first, dates are read from the second. */
export interface Arrival {
  monotonicMs: number;
  wallMs: number;
}

/** Media on the run's timeline; a discontinuity stands before the first packet of what does not join the one before. */
export type TimedPacket =
  | MediaPacket
  | {
      kind: 'discontinuity';
      reason: 'session' | 'forward-jump' | 'backward-jump';
      /** `wallMs` is when the media at `run90k` happened. */
      anchor: { run90k: number; wallMs: number };
    };

export interface TimelineCounts {
  /** DTS that did not ascend and were moved to one tick after the one before. */
  dtsRepairCount: number;
  /** Pictures before the first keyframe of a session, and what was sent twice. */
  droppedPictureCount: number;
  replayedPacketCount: number;
  /** Sound whose clock had nothing to do with that of the pictures and was laid beside them. */
  soundRebaseCount: number;
  jumpCount: number;
}

/**
 * The clock of one run: moves the times of each publisher session onto one line, in 90 kHz ticks from the run's first
 * picture. One offset moves all tracks of a session together; only a jump of the publisher's own clock changes it. What
 * lies between two sessions is measured with our monotonic clock, so that setting the host's clock moves no media.
 */
export class Timeline {
  readonly counts: TimelineCounts = {
    dtsRepairCount: 0,
    droppedPictureCount: 0,
    replayedPacketCount: 0,
    soundRebaseCount: 0,
    jumpCount: 0,
  };
  /** The newest media of the run, and when it came. */
  #head: { run90k: number; monotonicMs: number } | undefined;
  #session = new SessionState();

  /** Everything placed from now on comes from a new publisher connection. */
  startSession(): void {
    this.#session = new SessionState();
  }

  /** @returns what to hand on now: nothing while a session waits for its first keyframe */
  place(packet: MediaPacket, arrival: Arrival): TimedPacket[] {
    switch (packet.kind) {
      case 'video-config':
      case 'audio-config':
        return [packet];
      case 'video':
        return this.#placePicture(packet, arrival);
      case 'audio':
        return this.#placeSound(packet, arrival);
    }
  }

  #placePicture(packet: Picture, arrival: Arrival): TimedPacket[] {
    const { picture, sound } = this.#session;
    if (picture.offset90k === undefined) {
      if (packet.isKeyframe) return this.#startEpoch('session', packet, arrival);
      this.counts.droppedPictureCount += 1;
      return [];
    }
    if (picture.isReplay(packet.dts90k, packet.data.length)) return this.#countReplay();
    const run90k = packet.dts90k + picture.offset90k - this.#session.dtsShift90k;
    if (run90k < picture.last90k - jitter90k) return this.#startEpoch('backward-jump', packet, arrival);
    if (run90k > picture.last90k + jump90k && !isNear(run90k, sound.last90k)) {
      return this.#startEpoch('forward-jump', packet, arrival);
    }
    return [this.#repaired(packet, arrival)];
  }

  #startEpoch(
    reason: 'session' | 'forward-jump' | 'backward-jump',
    packet: Picture,
    arrival: Arrival,
  ): TimedPacket[] {
    const session = this.#session;
    if (reason === 'session') {
      const start90k = this.#head === undefined ? 0 : this.#after(this.#head, arrival);
      session.picture.offset90k = start90k - packet.pts90k;
    } else {
      // Within a session decoding goes on, so it is the DTS that follows on: the pictures behind it may be shown before it.
      const last = { run90k: session.picture.last90k, monotonicMs: session.picture.lastMonotonicMs };
      session.picture.offset90k = this.#after(last, arrival) - packet.dts90k;
      session.picture.forget();
      session.dtsShift90k = 0;
      this.counts.jumpCount += 1;
    }
    const start90k = packet.pts90k + session.picture.offset90k;
    const anchor = { run90k: start90k, wallMs: Math.round(arrival.wallMs) };
    return [
      { kind: 'discontinuity', reason, anchor },
      this.#repaired(packet, arrival),
      // Of the sound before the first picture only what overlaps it belongs to the session.
      ...this.#releaseSound(start90k, reason === 'session' ? start90k - leadingSound90k : -Infinity, arrival),
    ];
  }

  /** The run time of media that comes now, when nothing but the time that went by joins it to what came last. */
  #after(last: { run90k: number; monotonicMs: number }, arrival: Arrival): number {
    const elapsed90k = ticksFromMs(arrival.monotonicMs - last.monotonicMs);
    return last.run90k + Math.max(this.#session.frame90k, elapsed90k);
  }

  /**
   * The publisher's PTS are kept; a DTS behind its PTS pulls all later DTS of the session down with it, and one that does
   * not ascend moves to a tick after the one before (encoders jitter by a ms, and some send the same DTS twice).
   */
  #repaired(packet: Picture, arrival: Arrival): TimedPacket {
    const { picture } = this.#session;
    const offset90k = picture.offset90k ?? 0;
    this.#session.dtsShift90k = Math.max(this.#session.dtsShift90k, packet.dts90k - packet.pts90k);
    let dts90k = packet.dts90k + offset90k - this.#session.dtsShift90k;
    if (dts90k <= picture.last90k) {
      dts90k = picture.last90k + 1;
      this.counts.dtsRepairCount += 1;
    } else if (Number.isFinite(picture.last90k)) {
      this.#session.frame90k = Math.min(dts90k - picture.last90k, frame90kMax);
    }
    const pts90k = Math.max(packet.pts90k + offset90k, dts90k);
    picture.last90k = dts90k;
    picture.lastMonotonicMs = arrival.monotonicMs;
    picture.remember(packet.dts90k, packet.data.length);
    this.#moveHead(pts90k, arrival);
    return { ...packet, dts90k, pts90k };
  }

  #placeSound(packet: Sound, arrival: Arrival): TimedPacket[] {
    const { picture, sound, heldSound } = this.#session;
    if (sound.isReplay(packet.pts90k, packet.data.length)) return this.#countReplay();
    if (picture.offset90k === undefined) {
      heldSound.push(packet);
      if (heldSound.length > heldSoundMax) heldSound.shift();
      return [];
    }
    sound.offset90k ??= this.#offsetBesidePictures(packet.pts90k);
    const distance90k = packet.pts90k + sound.offset90k - sound.last90k;
    const followsOn = distance90k >= -jitter90k && distance90k <= jump90k;
    if (!followsOn && this.#isBesidePictures(packet.pts90k, picture.offset90k)) {
      sound.offset90k = picture.offset90k;
    } else if (!followsOn && !this.#isBesidePictures(packet.pts90k, sound.offset90k)) {
      // The pictures lead: sound of the far side of a jump waits for them to jump, or for the proof that they do not.
      heldSound.push(packet);
      return heldSound.length <= heldSoundMax
        ? []
        : this.#releaseSound(this.#newest90k(), -Infinity, arrival);
    }
    heldSound.length = 0; // A single wild time among good ones, or the other side of a jump that did not last.
    return [this.#placed(packet, arrival)];
  }

  #newest90k(): number {
    return Math.max(this.#session.sound.last90k, this.#session.picture.last90k);
  }

  /** One offset for all tracks, unless the clocks of the two have nothing to do with each other. */
  #offsetBesidePictures(pts90k: number): number {
    const { picture } = this.#session;
    const shared90k = picture.offset90k ?? 0;
    if (isNear(pts90k + shared90k, picture.last90k)) return shared90k;
    this.counts.soundRebaseCount += 1;
    return picture.last90k - pts90k;
  }

  #isBesidePictures(pts90k: number, offset90k: number): boolean {
    const { picture, sound } = this.#session;
    return pts90k + offset90k >= sound.last90k - jitter90k && isNear(pts90k + offset90k, picture.last90k);
  }

  /** Places held sound by the pictures' offset, or else so that its newest frame is at `end90k`; leaves out what is before `from90k`. */
  #releaseSound(end90k: number, from90k: number, arrival: Arrival): TimedPacket[] {
    const { picture, sound, heldSound } = this.#session;
    const newest = heldSound.at(-1);
    if (!newest) return [];
    const shared90k = picture.offset90k ?? 0;
    const isShared = isNear(newest.pts90k + shared90k, end90k);
    const offset90k = isShared ? shared90k : end90k - newest.pts90k;
    if (!isShared) this.counts.soundRebaseCount += 1;
    sound.offset90k = offset90k;
    return heldSound
      .splice(0)
      .filter((packet) => packet.pts90k + offset90k > Math.max(sound.last90k, from90k))
      .map((packet) => this.#placed(packet, arrival));
  }

  #placed(packet: Sound, arrival: Arrival): TimedPacket {
    const { sound, picture } = this.#session;
    let pts90k = packet.pts90k + (sound.offset90k ?? 0);
    if (pts90k <= sound.last90k) {
      pts90k = sound.last90k + 1;
      this.counts.dtsRepairCount += 1;
    }
    sound.last90k = pts90k;
    sound.remember(packet.pts90k, packet.data.length);
    // Sound leads the line only where the pictures have stopped.
    if (pts90k - picture.last90k > ticksPerSecond) this.#moveHead(pts90k, arrival);
    return { ...packet, pts90k };
  }

  #moveHead(run90k: number, arrival: Arrival): void {
    if (this.#head && run90k <= this.#head.run90k) return;
    this.#head = { run90k, monotonicMs: arrival.monotonicMs };
  }

  #countReplay(): [] {
    this.counts.replayedPacketCount += 1;
    return [];
  }
}

type Picture = Extract<MediaPacket, { kind: 'video' }>;
type Sound = Extract<MediaPacket, { kind: 'audio' }>;

/** Media missing for longer is a jump of the publisher's clock, or a pause: either way a new epoch. */
const jump90k = 3 * ticksPerSecond;
/** What goes back by less is jitter; whole frames sent again are found by their content. */
const jitter90k = ticksPerSecond / 10;
/** Sound this long before the first picture still overlaps it: one AAC frame at 24 kHz has 43 ms. */
const leadingSound90k = (ticksPerSecond * 45) / 1000;
/** 1.3 s at 48 kHz: pictures of the same moment are not further behind in one connection. */
const heldSoundMax = 64;
const frame90kMax = ticksPerSecond;
const frame90kDefault = ticksPerSecond / 25;
/** 10 s at 50 fps, the longest GOP that a phone was seen to send again. */
const rememberedPacketsMax = 512;

class TrackState {
  /** Publisher time + offset = run time; undefined before the first packet. */
  offset90k: number | undefined;
  /** Run time of the newest packet: DTS of pictures, PTS of sound. */
  last90k = -Infinity;
  lastMonotonicMs = 0;
  readonly #remembered = new Map<number, number>();
  #newest90k = -Infinity;

  /** True for a packet of the same time and size as one not long ago: publishers resend what they had buffered. */
  isReplay(time90k: number, bytes: number): boolean {
    return time90k <= this.#newest90k && this.#remembered.get(time90k) === bytes;
  }

  remember(time90k: number, bytes: number): void {
    this.#newest90k = time90k;
    this.#remembered.set(time90k, bytes);
    if (this.#remembered.size <= rememberedPacketsMax) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      break;
    }
  }

  forget(): void {
    this.#remembered.clear();
    this.#newest90k = -Infinity;
  }
}

class SessionState {
  readonly picture = new TrackState();
  readonly sound = new TrackState();
  /** Sound that cannot be placed yet: before the first picture, or on the far side of a jump. */
  readonly heldSound: Sound[] = [];
  /** How far DTS lay behind PTS at worst. */
  dtsShift90k = 0;
  frame90k = frame90kDefault;
}

function isNear(run90k: number, other90k: number): boolean {
  return Math.abs(run90k - other90k) <= jump90k;
}
