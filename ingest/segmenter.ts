import { frameRateOf, ticksFromMs, ticksPerSecond } from '../core/media-time.ts';
import type { SegmentRecord } from '../core/segment.ts';

import { parseAudioSpecificConfig, samplesPerFrame, type AudioConfig } from './aac.ts';
import { forEachPrefixedNal, nalType, parseAvcc, videoConfig, type VideoConfig } from './h264.ts';
import { MediaHold, SlabPool } from './media-slabs.ts';
import { TransportStreamWriter, type Picture, type SoundFrame } from './mpegts-writer.ts';
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
  readonly #writer = new TransportStreamWriter();
  readonly #slabs = new SlabPool();
  #video: VideoConfig | undefined;
  #audio: AudioConfig | undefined;
  #anchor = { run90k: 0, wallMs: 0 };
  #open: OpenSegment | undefined;
  /** Cut, and waiting for the rest of its sound, which comes later than the pictures beside it. */
  #closing: (OpenSegment & { end90k: number }) | undefined;
  /** Sound that is not yet in a segment, ascending. */
  #sound: SoundFrame[] = [];
  #soundBytes = 0;
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
    return (this.#open?.bytes ?? 0) + (this.#closing?.bytes ?? 0) + this.#soundBytes;
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
    const cut = [...this.#finishClosing()];
    const open = this.#open;
    if (open) cut.push(...this.#finish(open, undefined));
    this.#open = undefined;
    this.#dropSound(this.#sound.length);
    this.#lastSound90k = -Infinity;
    this.#startsAfresh = true;
    return cut;
  }

  /** Forgets what is open. What was cut and waits for its sound is finished and handed out. */
  discard(): { cut: CutSegment[]; pictureCount: number } {
    const cut = this.#finishClosing();
    const pictureCount = this.#open?.pictures.length ?? 0;
    this.#open?.hold.release();
    this.#open = undefined;
    this.#dropSound(this.#sound.length);
    this.#startsAfresh = true;
    return { cut, pictureCount };
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
    const picture: Picture = {
      dts90k: packet.dts90k,
      pts90k: packet.pts90k,
      isIdr: content.isIdr,
      data: packet.data,
    };
    const open = this.#open;
    if (open && this.#cutsBefore(open, picture, packet.isKeyframe))
      cut.push(...this.#cut(this.#endBefore(open, picture)));
    this.#open ??= this.#newSegment(picture.pts90k, picture.isIdr);
    this.#open.pictures.push({ ...picture, data: this.#open.hold.keep(picture.data) });
    this.#open.bytes += picture.data.length;
    this.#open.start90k = Math.min(this.#open.start90k, picture.pts90k);
    this.#open.newest90k = Math.max(this.#open.newest90k, picture.pts90k);
    if (this.#closing && picture.dts90k >= this.#closing.end90k + soundWait90k)
      cut.push(...this.#finishClosing());
    return cut;
  }

  #addSound(packet: Extract<TimedPacket, { kind: 'audio' }>): CutSegment[] {
    if (!this.#audio) return [];
    const cut: CutSegment[] = [];
    const limit90k = ticksFromMs(this.#limits.segmentMsMax);
    const start90k = this.#open?.start90k ?? this.#sound[0]?.pts90k ?? packet.pts90k;
    // The pictures have stopped and the sound goes on.
    if (
      packet.pts90k - start90k >= limit90k &&
      this.#open &&
      packet.pts90k - this.#open.newest90k > jumpless90k
    ) {
      cut.push(...this.#cut(packet.pts90k));
      this.#open = this.#newSegment(packet.pts90k, false);
    }
    this.#sound.push({ pts90k: packet.pts90k, data: packet.data });
    this.#soundBytes += packet.data.length;
    this.#lastSound90k = packet.pts90k;
    if (this.#closing && packet.pts90k >= this.#closing.end90k) cut.push(...this.#finishClosing());
    return cut;
  }

  /** The one place that decides where a segment ends. */
  #cutsBefore(open: OpenSegment, picture: Picture, isKeyframe: boolean): boolean {
    if (open.pictures.length === 0) return picture.isIdr;
    const length90k = picture.pts90k - open.start90k;
    const { segmentMs, segmentMsMax, segmentBytesTarget } = this.#limits;
    if (picture.isIdr) return length90k >= ticksFromMs(segmentMs) || open.bytes >= segmentBytesTarget;
    // Only a picture that is shown after all before it splits the pictures cleanly in two.
    if (picture.pts90k <= open.newest90k) return false;
    // An open GOP has no IDR, but decoding can begin near its keyframes: better there than anywhere.
    if (isKeyframe && length90k >= ticksFromMs((segmentMs + segmentMsMax) / 2)) return true;
    return length90k >= ticksFromMs(segmentMsMax) || open.bytes >= 2 * segmentBytesTarget;
  }

  /** Behind a picture that is no IDR may come some that are shown before it: what is cut off ends where its own pictures end. */
  #endBefore(open: OpenSegment, picture: Picture): number {
    if (picture.isIdr || open.pictures.length === 0) return picture.pts90k;
    const pts90k = open.pictures.map((earlier) => earlier.pts90k).toSorted((one, other) => one - other);
    return Math.min(picture.pts90k, this.#endOf(pts90k, []));
  }

  #newSegment(start90k: number, startsWithKeyframe: boolean): OpenSegment {
    const segment: OpenSegment = {
      start90k,
      newest90k: start90k,
      pictures: [],
      hold: new MediaHold(this.#slabs),
      bytes: 0,
      startsWithKeyframe,
      startsAfresh: this.#startsAfresh,
      anchor: this.#anchor,
    };
    this.#startsAfresh = false;
    return segment;
  }

  #cut(end90k: number): CutSegment[] {
    const cut = this.#finishClosing();
    if (this.#open) this.#closing = { ...this.#open, end90k };
    this.#open = undefined;
    const waitsForSound = this.#lastSound90k < end90k && this.#lastSound90k > end90k - ticksPerSecond;
    if (!waitsForSound) cut.push(...this.#finishClosing());
    return cut;
  }

  #finishClosing(): CutSegment[] {
    const closing = this.#closing;
    this.#closing = undefined;
    return closing ? this.#finish(closing, closing.end90k) : [];
  }

  /** @param end90k where the next segment starts, when it joins this one */
  #finish(segment: OpenSegment, end90k: number | undefined): CutSegment[] {
    const { pictures } = segment;
    const sound = this.#takeSound(end90k ?? Infinity);
    const audioConfig = this.#audio;
    const config = this.#video;
    if (!config || (pictures.length === 0 && sound.length === 0)) return [];
    const pts90k = pictures.map((picture) => picture.pts90k).toSorted((one, other) => one - other);
    const start90k = pts90k[0] ?? sound[0]?.pts90k ?? segment.start90k;
    const lastEnd90k = this.#endOf(pts90k, sound);
    const duration90k = Math.max(0, (end90k ?? lastEnd90k) - start90k);
    const bytes = this.#writer.write({
      videoConfig: config,
      pictures,
      audioConfig,
      sound,
      isDiscontinuity: segment.startsAfresh,
    });
    segment.hold.release();
    return [
      {
        bytes,
        start90k,
        duration90k,
        startWallMs: Math.round(
          segment.anchor.wallMs + ((start90k - segment.anchor.run90k) * 1000) / ticksPerSecond,
        ),
        startsWithKeyframe: segment.startsWithKeyframe,
        isPartial: end90k === undefined && duration90k < ticksFromMs(this.#limits.segmentMs),
        startsAfresh: segment.startsAfresh,
        video:
          pictures.length === 0
            ? null
            : {
                codec: 'h264',
                width: config.width,
                height: config.height,
                frameCount: pictures.length,
                frameRate: frameRateOf(pts90k) ?? null,
                keyframes90k: pictures.filter((picture) => picture.isIdr).map((picture) => picture.pts90k),
                configHash: config.configHash,
              },
        audio:
          audioConfig === undefined || sound[0] === undefined
            ? null
            : {
                codec: 'aac',
                sampleRateHz: audioConfig.sampleRateHz,
                channelCount: audioConfig.channelCount,
                start90k: sound[0].pts90k,
              },
      },
    ];
  }

  #endOf(pts90k: readonly number[], sound: readonly SoundFrame[]): number {
    const first = pts90k[0];
    const last = pts90k.at(-1);
    if (first === undefined || last === undefined) {
      const frame90k = (samplesPerFrame * ticksPerSecond) / (this.#audio?.sampleRateHz ?? 48_000);
      return (sound.at(-1)?.pts90k ?? 0) + Math.round(frame90k);
    }
    return last + (pts90k.length > 1 ? Math.round((last - first) / (pts90k.length - 1)) : singlePicture90k);
  }

  #takeSound(end90k: number): SoundFrame[] {
    let count = 0;
    for (const frame of this.#sound) {
      if (frame.pts90k >= end90k) break;
      count += 1;
    }
    return this.#dropSound(count);
  }

  #dropSound(count: number): SoundFrame[] {
    const taken = this.#sound.splice(0, count);
    for (const frame of taken) this.#soundBytes -= frame.data.length;
    return taken;
  }
}

interface OpenSegment {
  /** PTS of its earliest picture. */
  start90k: number;
  newest90k: number;
  pictures: Picture[];
  /** Where their bytes lie. */
  hold: MediaHold;
  bytes: number;
  startsWithKeyframe: boolean;
  startsAfresh: boolean;
  anchor: { run90k: number; wallMs: number };
}

/** Sound later than this behind its pictures belongs to a publisher that has stopped sending it. */
const soundWait90k = ticksPerSecond / 2;
/** Pictures that have not come for so long have stopped. */
const jumpless90k = ticksPerSecond;
const singlePicture90k = ticksPerSecond / 25;

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
