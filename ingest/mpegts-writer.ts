import { ptsWrap90k } from '../core/media-time.ts';

import { adtsHeaderBytes, writeAdtsHeader, type AudioConfig } from './aac.ts';
import { forEachPrefixedNal, nalType, type VideoConfig } from './h264.ts';

export interface Picture {
  dts90k: number;
  pts90k: number;
  /** Holds an IDR slice. */
  isIdr: boolean;
  /** NAL units behind lengths. */
  data: Uint8Array;
}

export interface SoundFrame {
  pts90k: number;
  /** Raw AAC. */
  data: Uint8Array;
}

/**
 * Added to every run time in the file. Ten seconds: neither the reorder delay of B-frames, nor sound that leads the
 * first picture, nor the clock reference, which runs ahead of both, gets below zero.
 */
export const filePtsOffset90k = 900_000;

/** What runs on from segment to segment of one stream. */
export class TransportStreamState {
  /** Continuity counter of the next packet (§2.4.3.3), by PID. */
  readonly counters = new Map<number, number>();
  /** Of the next segment. 512 KiB are the first second at 4 Mb/s; later it is known better. */
  expectedBytes = 512 * 1024;
}

/**
 * Writes one segment as an MPEG transport stream (ISO/IEC 13818-1), piece by piece as its media comes, so that there is
 * one copy of it: tables first, parameter sets before every IDR picture, an access unit delimiter before every picture, a
 * clock reference with every picture. Counters run on from segment to segment, so that segments of one epoch joined end
 * to end are one faultless stream, and each is decodable alone. Nothing that is handed in is kept.
 * Why not a library: docs/decisions/0001-transport-stream-writer.md.
 */
export class SegmentWriter {
  readonly #state: TransportStreamState;
  #out: Uint8Array<ArrayBuffer>;
  /** The tables say which tracks there are: they are written at the end, into the room that is left for them here. */
  #at = tableCount * packetBytes;
  #hasPicture = false;
  #hasSound = false;
  #pictureIsDiscontinuity: boolean;
  #soundIsDiscontinuity: boolean;

  /** @param isDiscontinuity tells a demuxer that the counters and the clock start afresh here */
  constructor(state: TransportStreamState, isDiscontinuity: boolean) {
    this.#state = state;
    this.#out = unfilled(state.expectedBytes);
    this.#pictureIsDiscontinuity = isDiscontinuity;
    this.#soundIsDiscontinuity = isDiscontinuity;
  }

  /** Written so far. */
  get bytes(): number {
    return this.#at;
  }

  /** In decode order. Times are run times. */
  addPicture(picture: Picture, config: VideoConfig): void {
    this.#writePicture(
      picture,
      planPicture(picture, config, !this.#hasPicture),
      this.#pictureIsDiscontinuity,
    );
    this.#hasPicture = true;
    this.#pictureIsDiscontinuity = false;
  }

  /**
   * Ascending, and best before the pictures that are decoded after it: a demuxer with a small buffer expects it so.
   *
   * @param carriesClock there are no pictures that would
   */
  addSound(frame: SoundFrame, config: AudioConfig, carriesClock: boolean): void {
    this.#writeFrame(frame, config, carriesClock, this.#soundIsDiscontinuity);
    this.#hasSound = true;
    this.#soundIsDiscontinuity = false;
  }

  /** @returns the segment; nothing can be added to it any more */
  finish(): Uint8Array {
    const bytes = this.#at;
    this.#at = 0;
    this.#writeTable(0, programAssociation);
    this.#writeTable(pmtPid, programMap(this.#hasPicture, this.#hasSound));
    // An eighth on top, so that a next one that is a little longer need not be moved.
    this.#state.expectedBytes = bytes + (bytes >> 3);
    const isMuchLarger = this.#out.length - bytes > bytes >> 2;
    return isMuchLarger ? this.#out.slice(0, bytes) : this.#out.subarray(0, bytes);
  }

  #makeRoom(bytes: number): void {
    const wanted = this.#at + bytes;
    if (wanted <= this.#out.length) return;
    const larger = unfilled(Math.max(wanted, this.#out.length + (this.#out.length >> 1)));
    larger.set(this.#out.subarray(0, this.#at));
    this.#out = larger;
  }

  #writePicture(picture: Picture, plan: PicturePlan, isDiscontinuity: boolean): void {
    const dts = filePts(picture.dts90k);
    const pes = this.#startPes({
      pid: videoPid,
      bytes: videoPesHeaderBytes + plan.bytes,
      clock90k: picture.dts90k - clockLead90k,
      isRandomAccess: picture.isIdr,
      isDiscontinuity,
    });
    const out = this.#out;
    let at = pes.dataAt;
    // Length 0: allowed for video, whose pictures can be longer than 16 bits say (§2.4.3.7).
    out.set([0, 0, 1, 0xe0, 0, 0, 0x84, 0xc0, 10], at);
    writeTimestamp(out, at + 9, 3, filePts(picture.pts90k));
    writeTimestamp(out, at + 14, 1, dts);
    at += videoPesHeaderBytes;
    out.set(delimiter, at);
    at += delimiter.length;
    for (const nal of plan.nals) {
      out.set(startCode, at);
      out.set(nal, at + startCode.length);
      at += startCode.length + nal.length;
    }
    this.#packetise(pes);
  }

  #writeFrame(frame: SoundFrame, config: AudioConfig, carriesClock: boolean, isDiscontinuity: boolean): void {
    const pes = this.#startPes({
      pid: audioPid,
      bytes: audioPesHeaderBytes + adtsHeaderBytes + frame.data.length,
      clock90k: carriesClock ? frame.pts90k - clockLead90k : undefined,
      isRandomAccess: true,
      isDiscontinuity,
    });
    const out = this.#out;
    const at = pes.dataAt;
    const pesLength = adtsHeaderBytes + frame.data.length + audioPesHeaderBytes - 6;
    out.set([0, 0, 1, 0xc0, pesLength >> 8, pesLength & 255, 0x84, 0x80, 5], at);
    writeTimestamp(out, at + 9, 2, filePts(frame.pts90k));
    writeAdtsHeader(out, at + audioPesHeaderBytes, config, frame.data.length);
    out.set(frame.data, at + audioPesHeaderBytes + adtsHeaderBytes);
    this.#packetise(pes);
  }

  /**
   * Reserves the packets of one PES packet. Its bytes are written to the end of what is reserved and then moved forward
   * packet by packet: the target never overtakes the source, so nothing but `out` itself is needed.
   */
  #startPes(wanted: Omit<OpenPes, 'dataAt' | 'packetCount'>): OpenPes {
    const fieldBytes = wanted.clock90k === undefined ? flagsFieldBytes : clockFieldBytes;
    const packetCount = packetsFor(wanted.bytes, fieldBytes);
    this.#makeRoom(packetCount * packetBytes);
    return { ...wanted, packetCount, dataAt: this.#at + packetCount * packetBytes - wanted.bytes };
  }

  #packetise(pes: OpenPes): void {
    const out = this.#out;
    let from = pes.dataAt;
    let left = pes.bytes;
    for (let index = 0; index < pes.packetCount; index += 1) {
      const at = this.#at;
      const isFirst = index === 0;
      let fieldBytes = isFirst ? (pes.clock90k === undefined ? flagsFieldBytes : clockFieldBytes) : 0;
      const payloadBytes = Math.min(left, packetBytes - 4 - fieldBytes);
      const stuffing = packetBytes - 4 - fieldBytes - payloadBytes;
      fieldBytes += stuffing;
      // The last packet's own bytes must not be overwritten by its stuffing: move first.
      out.copyWithin(at + 4 + fieldBytes, from, from + payloadBytes);
      out[at] = 0x47;
      out[at + 1] = (isFirst ? 0x40 : 0) | (pes.pid >> 8);
      out[at + 2] = pes.pid & 255;
      out[at + 3] = (fieldBytes > 0 ? 0x30 : 0x10) | this.#nextCounter(pes.pid);
      if (fieldBytes > 0) writeAdaptationField(out, at + 4, fieldBytes, isFirst ? pes : undefined);
      from += payloadBytes;
      left -= payloadBytes;
      this.#at += packetBytes;
    }
  }

  #writeTable(pid: number, section: Uint8Array): void {
    const at = this.#at;
    this.#out.set([0x47, 0x40 | (pid >> 8), pid & 255, 0x10 | this.#nextCounter(pid), 0], at);
    this.#out.set(section, at + 5);
    this.#out.fill(0xff, at + 5 + section.length, at + packetBytes);
    this.#at += packetBytes;
  }

  #nextCounter(pid: number): number {
    const counter = this.#state.counters.get(pid) ?? 0;
    this.#state.counters.set(pid, (counter + 1) & 15);
    return counter;
  }
}

const packetBytes = 188;
const tableCount = 2;
const pmtPid = 0x1000;
const videoPid = 0x100;
const audioPid = 0x101;
const videoPesHeaderBytes = 19;
const audioPesHeaderBytes = 14;
/** Length, flags; and six bytes of clock reference. */
const flagsFieldBytes = 2;
const clockFieldBytes = 8;
/** The clock reference runs ahead of decoding by what a decoder may have to buffer: 0.7 s, as ffmpeg's muxer has it. */
const clockLead90k = 63_000;
/** primary_pic_type 7: any slice (§7.3.2.4). */
const startCode = Uint8Array.of(0, 0, 0, 1);
const delimiter = Uint8Array.of(...startCode, nalType.aud, 0xf0);

interface OpenPes {
  pid: number;
  bytes: number;
  packetCount: number;
  dataAt: number;
  clock90k: number | undefined;
  isRandomAccess: boolean;
  isDiscontinuity: boolean;
}

interface PicturePlan {
  nals: Uint8Array[];
  /** Of the elementary stream, delimiter and start codes included. */
  bytes: number;
}

/** Which NAL units a picture is written as: parameter sets come before the first one and before an IDR that brings none. */
function planPicture(picture: Picture, config: VideoConfig, isFirst: boolean): PicturePlan {
  const nals: Uint8Array[] = [];
  let hasSps = false;
  forEachPrefixedNal(picture.data, config.lengthBytes, (start, end, type) => {
    if (type === nalType.aud) return;
    if (type === nalType.sps) hasSps = true;
    nals.push(picture.data.subarray(start, end));
  });
  if ((picture.isIdr || isFirst) && !hasSps) nals.unshift(...config.sps, ...config.pps);
  let bytes = delimiter.length;
  for (const nal of nals) bytes += startCode.length + nal.length;
  return { nals, bytes };
}

/** Memory that is written before it is read: without being cleared first, what is not needed of it is never touched. */
function unfilled(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}

function packetsFor(bytes: number, firstFieldBytes: number): number {
  return 1 + Math.max(0, Math.ceil((bytes - (packetBytes - 4 - firstFieldBytes)) / (packetBytes - 4)));
}

function filePts(run90k: number): number {
  return (((run90k + filePtsOffset90k) % ptsWrap90k) + ptsWrap90k) % ptsWrap90k;
}

/** §2.4.3.4: length, flags, clock reference, stuffing. */
function writeAdaptationField(out: Uint8Array, at: number, bytes: number, pes: OpenPes | undefined): void {
  out[at] = bytes - 1;
  if (bytes === 1) return;
  out[at + 1] =
    (pes?.isDiscontinuity ? 0x80 : 0) |
    (pes?.isRandomAccess ? 0x40 : 0) |
    (pes?.clock90k === undefined ? 0 : 0x10);
  let filled = 2;
  if (pes?.clock90k !== undefined) {
    const clock = filePts(pes.clock90k);
    const high = Math.floor(clock / 2); // 32 of the 33 bits
    out[at + 2] = high >>> 24;
    out[at + 3] = (high >>> 16) & 255;
    out[at + 4] = (high >>> 8) & 255;
    out[at + 5] = high & 255;
    out[at + 6] = ((clock % 2) << 7) | 0x7e;
    out[at + 7] = 0;
    filled = 8;
  }
  out.fill(0xff, at + filled, at + bytes);
}

/** 33 bits in five bytes with marker bits (§2.4.3.6). */
function writeTimestamp(out: Uint8Array, at: number, prefix: number, value: number): void {
  const top = Math.floor(value / 2 ** 30);
  const low = value % 2 ** 30;
  out[at] = (prefix << 4) | (top << 1) | 1;
  out[at + 1] = (low >> 22) & 255;
  out[at + 2] = ((low >> 14) & 254) | 1;
  out[at + 3] = (low >> 7) & 255;
  out[at + 4] = ((low << 1) & 254) | 1;
}

const programAssociation = withCrc([
  0x00,
  0xb0,
  13,
  0,
  1,
  0xc1,
  0,
  0,
  0,
  1,
  0xe0 | (pmtPid >> 8),
  pmtPid & 255,
]);

function programMap(hasVideo: boolean, hasAudio: boolean): Uint8Array {
  const clockPid = hasVideo ? videoPid : audioPid;
  const tracks = [
    ...(hasVideo ? [0x1b, 0xe0 | (videoPid >> 8), videoPid & 255, 0xf0, 0] : []),
    ...(hasAudio ? [0x0f, 0xe0 | (audioPid >> 8), audioPid & 255, 0xf0, 0] : []),
  ];
  const head = [
    0x02,
    0xb0,
    13 + tracks.length,
    0,
    1,
    0xc1,
    0,
    0,
    0xe0 | (clockPid >> 8),
    clockPid & 255,
    0xf0,
    0,
  ];
  return withCrc([...head, ...tracks]);
}

/** CRC-32 of annex A: polynomial 0x04C11DB7, all ones at the start, not reflected. Twenty bytes a segment: no table. */
function withCrc(section: readonly number[]): Uint8Array {
  let crc = 0xffffffff;
  for (const value of section) {
    crc ^= value << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return Uint8Array.from([...section, crc >>> 24, (crc >>> 16) & 255, (crc >>> 8) & 255, crc & 255]);
}
