import { frameRateOf, ticksFromMs, ticksPerSecond } from '../core/media-time.ts';
import type { SegmentRecord } from '../core/segment.ts';

import { parseAudioSpecificConfig, samplesPerFrame, type AudioConfig } from './aac.ts';
import { forEachPrefixedNal, nalType, parseAvcc, videoConfig, type VideoConfig } from './h264.ts';
import { SegmentWriter, type ContinuityCounters, type Picture, type SoundFrame } from './mpegts-writer.ts';
import type { TimedPacket } from './timeline.ts';

/** A finished segment that has no number yet: `SegmentNumbering` gives it one when there is room to keep it. */
export interface CutSegment extends Pick<
  SegmentRecord,
  'start90k' | 'duration90k' | 'startWallMs' | 'startsWithKeyframe' | 'isPartial' | 'video' | 'audio'
> {
  bytes: Uint8Array;
  /** Nothing joins it to what came before: a new session, a jump, a new codec setup. */
  startsAfresh: boolean;
}

export interface SegmentLimits {
  /** A segment ends at the first IDR picture at or behind this. */
  segmentMs: number;
  /** It ends here without one, and the next says so. */
  segmentMsMax: number;
  /** At the first IDR picture behind this many bytes, however short it is; and without one at twice as many. */
  segmentBytesTarget: number;
}

/** 10 s bound what an analysis job waits for; 6 MiB are 8 s at 6 Mb/s and 2 s, one GOP, at 25 Mb/s. */
export const defaultLimits: SegmentLimits = {
  segmentMs: 4000,
  segmentMsMax: 10_000,
  segmentBytesTarget: 6 * 1024 * 1024,
};

/**
 * Cuts the timed packets of one session after another into segments. No input and output: packets in, segments out.
 * Pictures are never reordered, split or left out; sound goes with the pictures of its own time, not of its arrival.
 */
export class Segmenter {
  readonly #limits: SegmentLimits;
  readonly #counters: ContinuityCounters = new Map();
  #video: VideoConfig | undefined;
  #audio: AudioConfig | undefined;
  #anchor = { run90k: 0, wallMs: 0 };
  #open: OpenSegment | undefined;
  /** Pictures that wait for the sound beside them, which may come a little later; in decode order. */
  readonly #pictures: WaitingPicture[] = [];
  /** Sound that waits for the pictures beside it, ascending. */
  readonly #sound: SoundFrame[] = [];
  #waitingBytes = 0;
  #lastSound90k = -Infinity;
  /** Set by whatever breaks the line; the next segment to open takes it along. */
  #startsAfresh = true;
  #unreadablePictureCount = 0;

  constructor(limits: Partial<SegmentLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
    this.#limits.segmentMsMax = Math.max(this.#limits.segmentMsMax, this.#limits.segmentMs);
  }

  /** Bytes of media that are held and in no finished segment. */
  get heldBytes(): number {
    return (this.#open?.writer.bytes ?? 0) + this.#waitingBytes;
  }

  get unreadablePictureCount(): number {
    return this.#unreadablePictureCount;
  }

  /** @throws TouchlineError `ingest.bad-video-config`, `ingest.unsupported-audio` */
  push(packet: TimedPacket): CutSegment[] {
    switch (packet.kind) {
      case 'discontinuity': {
        const cut = this.end();
        this.#anchor = packet.anchor;
        return cut;
      }
      case 'video-config':
        return this.#configureVideo(parseAvcc(packet.avcc));
      case 'audio-config':
        return this.#configureAudio(parseAudioSpecificConfig(packet.asc));
      case 'video':
        return this.#addPicture(packet);
      case 'audio':
        return this.#addSound(packet);
    }
  }

  /** Closes what is open: the last piece of a session, however short. */
  end(): CutSegment[] {
    const cut = this.#writePictures(() => true);
    if (this.#open) cut.push(...this.#finish(this.#open, undefined));
    this.#startAfresh();
    return cut;
  }

  /** Forgets what is open. What is complete and waits for its sound is handed out. */
  discard(): { cut: CutSegment[]; pictureCount: number } {
    const cut = this.#writePictures(() => true);
    const pictureCount = this.#open?.pts90k.length ?? 0;
    this.#startAfresh();
    return { cut, pictureCount };
  }

  #startAfresh(): void {
    this.#open = undefined;
    this.#dropSound(this.#sound.length);
    this.#lastSound90k = -Infinity;
    this.#startsAfresh = true;
  }

  #configureVideo(config: VideoConfig): CutSegment[] {
    const isNew = this.#video !== undefined && this.#video.configHash !== config.configHash;
    const cut = isNew ? this.end() : [];
    this.#video = config;
    return cut;
  }

  #configureAudio(config: AudioConfig): CutSegment[] {
    const isNew =
      this.#audio !== undefined &&
      (this.#audio.sampleRateHz !== config.sampleRateHz ||
        this.#audio.channelConfig !== config.channelConfig);
    const cut = isNew ? this.end() : [];
    this.#audio = config;
    return cut;
  }

  #addPicture(packet: Extract<TimedPacket, { kind: 'video' }>): CutSegment[] {
    if (!this.#video) return [];
    const content = readPicture(packet.data, this.#video);
    if (!content.hasSlice) {
      this.#unreadablePictureCount += 1;
      return [];
    }
    // Some encoders change the setup between the pictures and never say so in the header.
    const inBand =
      content.isIdr && content.sps.length > 0 && content.pps.length > 0
        ? videoConfig({ lengthBytes: this.#video.lengthBytes, sps: content.sps, pps: content.pps })
        : this.#video;
    const cut = this.#configureVideo(inBand);
    const { dts90k, pts90k, data, isKeyframe } = packet;
    this.#pictures.push({ dts90k, pts90k, data, isKeyframe, isIdr: content.isIdr, config: inBand });
    this.#waitingBytes += data.length;
    cut.push(...this.#writePictures((waiting) => !this.#waitsForSound(waiting, dts90k)));
    return cut;
  }

  #addSound(packet: Extract<TimedPacket, { kind: 'audio' }>): CutSegment[] {
    if (!this.#audio) return [];
    const { pts90k, data } = packet;
    this.#sound.push({ pts90k, data });
    this.#waitingBytes += data.length;
    this.#lastSound90k = pts90k;
    const cut = this.#writePictures((waiting) => waiting.pts90k <= pts90k);
    const open = this.#open;
    const limit90k = ticksFromMs(this.#limits.segmentMsMax);
    // The pictures have stopped and the sound goes on.
    if (open && pts90k - open.start90k >= limit90k && pts90k - open.newest90k > jumpless90k) {
      cut.push(...this.#finish(open, pts90k));
      this.#open = this.#newSegment(pts90k, false);
    }
    return cut;
  }

  /** Not for sound that has stopped, or is so late that it is no longer beside its pictures. */
  #waitsForSound(picture: Picture, newestDts90k: number): boolean {
    const isComing =
      this.#lastSound90k < picture.pts90k && this.#lastSound90k > picture.pts90k - ticksPerSecond;
    return isComing && newestDts90k < picture.pts90k + soundWait90k;
  }

  /** In decode order, as far as `isReady` holds. */
  #writePictures(isReady: (picture: WaitingPicture) => boolean): CutSegment[] {
    const cut: CutSegment[] = [];
    let count = 0;
    for (const waiting of this.#pictures) {
      if (!isReady(waiting)) break;
      cut.push(...this.#writePicture(waiting));
      count += 1;
    }
    for (const { data } of this.#pictures.splice(0, count)) this.#waitingBytes -= data.length;
    return cut;
  }

  #writePicture(picture: WaitingPicture): CutSegment[] {
    const cut: CutSegment[] = [];
    if (this.#open && this.#cutsBefore(this.#open, picture)) {
      cut.push(...this.#finish(this.#open, this.#endBefore(this.#open, picture)));
      this.#open = undefined;
    }
    this.#open ??= this.#newSegment(picture.pts90k, picture.isIdr);
    const open = this.#open;
    this.#writeSound(open, { before90k: picture.dts90k, carriesClock: false });
    open.writer.addPicture(picture, picture.config);
    open.pts90k.push(picture.pts90k);
    if (picture.isIdr) open.keyframes90k.push(picture.pts90k);
    open.pictureBytes += picture.data.length;
    open.start90k = Math.min(open.start90k, picture.pts90k);
    open.newest90k = Math.max(open.newest90k, picture.pts90k);
    return cut;
  }

  /** What has come of it. Sound that is later still goes where the pictures are by then. */
  #writeSound(segment: OpenSegment, how: { before90k: number; carriesClock: boolean }): void {
    const config = this.#audio;
    if (!config) return;
    let count = 0;
    for (const frame of this.#sound) {
      if (frame.pts90k >= how.before90k) break;
      segment.writer.addSound(frame, config, how.carriesClock);
      segment.sound90k = { first: segment.sound90k?.first ?? frame.pts90k, last: frame.pts90k };
      count += 1;
    }
    this.#dropSound(count);
  }

  /** The one place that decides where a segment ends. */
  #cutsBefore(open: OpenSegment, picture: WaitingPicture): boolean {
    if (open.pts90k.length === 0) return picture.isIdr;
    const length90k = picture.pts90k - open.start90k;
    const { segmentMs, segmentMsMax, segmentBytesTarget } = this.#limits;
    if (picture.isIdr) return length90k >= ticksFromMs(segmentMs) || open.pictureBytes >= segmentBytesTarget;
    // Only a picture that is shown after all before it splits the pictures cleanly in two.
    if (picture.pts90k <= open.newest90k) return false;
    // An open GOP has no IDR, but decoding can begin near its keyframes: better there than anywhere.
    if (picture.isKeyframe && length90k >= ticksFromMs((segmentMs + segmentMsMax) / 2)) return true;
    return length90k >= ticksFromMs(segmentMsMax) || open.pictureBytes >= 2 * segmentBytesTarget;
  }

  /** Behind a picture that is no IDR may come some that are shown before it: what is cut off ends where its own pictures end. */
  #endBefore(open: OpenSegment, picture: Picture): number {
    if (picture.isIdr || open.pts90k.length === 0) return picture.pts90k;
    return Math.min(picture.pts90k, this.#endOf(inOrder(open.pts90k), undefined));
  }

  #newSegment(start90k: number, startsWithKeyframe: boolean): OpenSegment {
    const segment: OpenSegment = {
      start90k,
      newest90k: start90k,
      writer: new SegmentWriter(this.#counters, this.#startsAfresh),
      pts90k: [],
      keyframes90k: [],
      pictureBytes: 0,
      sound90k: undefined,
      startsWithKeyframe,
      startsAfresh: this.#startsAfresh,
      anchor: this.#anchor,
    };
    this.#startsAfresh = false;
    return segment;
  }

  /** @param end90k where the next segment starts, when it joins this one */
  #finish(segment: OpenSegment, end90k: number | undefined): CutSegment[] {
    const carriesClock = segment.pts90k.length === 0;
    this.#writeSound(segment, { before90k: end90k ?? Infinity, carriesClock });
    const { sound90k, writer } = segment;
    const audioConfig = this.#audio;
    const config = this.#video;
    const pts90k = inOrder(segment.pts90k);
    const start90k = pts90k[0] ?? sound90k?.first;
    if (!config || start90k === undefined) return [];
    const duration90k = Math.max(0, (end90k ?? this.#endOf(pts90k, sound90k?.last)) - start90k);
    return [
      {
        bytes: writer.finish(),
        start90k,
        duration90k,
        startWallMs: Math.round(
          segment.anchor.wallMs + ((start90k - segment.anchor.run90k) * 1000) / ticksPerSecond,
        ),
        startsWithKeyframe: segment.startsWithKeyframe,
        isPartial: end90k === undefined && duration90k < ticksFromMs(this.#limits.segmentMs),
        startsAfresh: segment.startsAfresh,
        video:
          pts90k.length === 0
            ? null
            : {
                codec: 'h264',
                width: config.width,
                height: config.height,
                frameCount: pts90k.length,
                frameRate: frameRateOf(pts90k) ?? null,
                keyframes90k: segment.keyframes90k,
                configHash: config.configHash,
              },
        audio:
          audioConfig === undefined || sound90k === undefined
            ? null
            : {
                codec: 'aac',
                sampleRateHz: audioConfig.sampleRateHz,
                channelCount: audioConfig.channelCount,
                start90k: sound90k.first,
              },
      },
    ];
  }

  /** @param sound90k of its last frame: where there are no pictures, it is what ends */
  #endOf(pts90k: readonly number[], sound90k: number | undefined): number {
    const first = pts90k[0];
    const last = pts90k.at(-1);
    if (first === undefined || last === undefined) {
      const frame90k = (samplesPerFrame * ticksPerSecond) / (this.#audio?.sampleRateHz ?? 48_000);
      return (sound90k ?? 0) + Math.round(frame90k);
    }
    return last + (pts90k.length > 1 ? Math.round((last - first) / (pts90k.length - 1)) : singlePicture90k);
  }

  #dropSound(count: number): void {
    for (const { data } of this.#sound.splice(0, count)) this.#waitingBytes -= data.length;
  }
}

interface WaitingPicture extends Picture {
  /** By the word of its source; not every one is an IDR picture. */
  isKeyframe: boolean;
  config: VideoConfig;
}

interface OpenSegment {
  /** PTS of its earliest picture. */
  start90k: number;
  newest90k: number;
  writer: SegmentWriter;
  /** Of its pictures, in decode order. */
  pts90k: number[];
  keyframes90k: number[];
  pictureBytes: number;
  /** PTS of its sound as far as it is written. */
  sound90k: { first: number; last: number } | undefined;
  startsWithKeyframe: boolean;
  startsAfresh: boolean;
  anchor: { run90k: number; wallMs: number };
}

/** Sound later than this behind its pictures belongs to a publisher that has stopped sending it. */
const soundWait90k = ticksPerSecond / 2;
/** Pictures that have not come for so long have stopped. */
const jumpless90k = ticksPerSecond;
const singlePicture90k = ticksPerSecond / 25;

function inOrder(pts90k: readonly number[]): number[] {
  return pts90k.toSorted((one, other) => one - other);
}

function readPicture(
  data: Uint8Array,
  config: VideoConfig,
): { isIdr: boolean; hasSlice: boolean; sps: Uint8Array[]; pps: Uint8Array[] } {
  const found = { isIdr: false, hasSlice: false, sps: [] as Uint8Array[], pps: [] as Uint8Array[] };
  forEachPrefixedNal(data, config.lengthBytes, (start, end, type) => {
    if (type === nalType.idr) found.isIdr = true;
    if (type >= 1 && type <= nalType.idr) found.hasSlice = true;
    if (type === nalType.sps) found.sps.push(data.slice(start, end));
    if (type === nalType.pps) found.pps.push(data.slice(start, end));
  });
  return found;
}
