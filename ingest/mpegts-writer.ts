import { TouchlineError } from '../core/errors.ts';
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

/** Of the next packet of each PID (§2.4.3.3): all that runs on from segment to segment of one stream. */
export type ContinuityCounters = Map<number, number>;

/**
 * Writes one segment as an MPEG transport stream (ISO/IEC 13818-1), piece by piece as its media comes, so that there is
 * one copy of it: tables first, parameter sets before every IDR picture, an access unit delimiter before every picture, a
 * clock reference with every picture. Counters run on from segment to segment, so that segments of one epoch joined end
 * to end are one faultless stream, and each is decodable alone. Nothing that is handed in is kept.
 * Why not a library: docs/decisions/0001-transport-stream-writer.md.
 */
export class SegmentWriter {
  readonly #counters: ContinuityCounters;
  /**
   * Grows in its place, and goes back to the system when it is given up. In buffers that were moved as they grew a stream
   * took two to three times as much, most of it kept by malloc for the next. Each PES packet is put together elsewhere and
   * comes here as a whole: V8 asks for the bounds of such memory, which may have moved, at every byte.
   */
  readonly #memory = new ArrayBuffer(0, { maxByteLength: segmentBytesMax });
  readonly #out = new Uint8Array(this.#memory);
  /** The tables say which tracks there are: they are written at the end, into the room that is left for them here. */
  #at = tableCount * packetBytes;
  #hasPicture = false;
  #hasSound = false;
  #pictureIsDiscontinuity: boolean;
  #soundIsDiscontinuity: boolean;

  /** @param isDiscontinuity tells a demuxer that the counters and the clock start afresh here */
  constructor(counters: ContinuityCounters, isDiscontinuity: boolean) {
    this.#counters = counters;
    this.#pictureIsDiscontinuity = isDiscontinuity;
    this.#soundIsDiscontinuity = isDiscontinuity;
  }

  /** Written so far. */
  get bytes(): number {
    return this.#at;
  }

  /**
   * In decode order. Times are run times.
   *
   * @throws TouchlineError `ingest.segment-too-long`
   */
  addPicture(picture: Picture, config: VideoConfig): void {
    const plan = planPicture(picture, config, !this.#hasPicture);
    const pes = this.#startPes({
      pid: videoPid,
      bytes: videoPesHeaderBytes + plan.bytes,
      clock90k: picture.dts90k - clockLead90k,
      isRandomAccess: picture.isIdr,
      isDiscontinuity: this.#pictureIsDiscontinuity,
    });
    const { out } = pes;
    let at = pes.dataAt;
    // Length 0: allowed for video, whose pictures can be longer than 16 bits say (§2.4.3.7).
    out.set([0, 0, 1, 0xe0, 0, 0, 0x84, 0xc0, 10], at);
    writeTimestamp(out, at + 9, 3, filePts(picture.pts90k));
    writeTimestamp(out, at + 14, 1, filePts(picture.dts90k));
    at += videoPesHeaderBytes;
    out.set(delimiter, at);
    at += delimiter.length;
    for (const nal of plan.nals) {
      out.set(startCode, at);
      out.set(nal, at + startCode.length);
      at += startCode.length + nal.length;
    }
    this.#packetise(pes);
    this.#hasPicture = true;
    this.#pictureIsDiscontinuity = false;
  }

  /**
   * Ascending, and best before the pictures that are decoded after it: a demuxer with a small buffer expects it so.
   *
   * @param carriesClock there are no pictures that would
   */
  addSound(frame: SoundFrame, config: AudioConfig, carriesClock: boolean): void {
    const pes = this.#startPes({
      pid: audioPid,
      bytes: audioPesHeaderBytes + adtsHeaderBytes + frame.data.length,
      clock90k: carriesClock ? frame.pts90k - clockLead90k : undefined,
      isRandomAccess: true,
      isDiscontinuity: this.#soundIsDiscontinuity,
    });
    const { out, dataAt } = pes;
    const pesLength = adtsHeaderBytes + frame.data.length + audioPesHeaderBytes - 6;
    out.set([0, 0, 1, 0xc0, pesLength >> 8, pesLength & 255, 0x84, 0x80, 5], dataAt);
    writeTimestamp(out, dataAt + 9, 2, filePts(frame.pts90k));
    writeAdtsHeader(out, dataAt + audioPesHeaderBytes, config, frame.data.length);
    out.set(frame.data, dataAt + audioPesHeaderBytes + adtsHeaderBytes);
    this.#packetise(pes);
    this.#hasSound = true;
    this.#soundIsDiscontinuity = false;
  }

  /** @returns the segment; nothing can be added to it any more */
  finish(): Uint8Array {
    const bytes = this.#at;
    this.#grow(bytes);
    this.#writeTable(0, 0, programAssociation);
    this.#writeTable(packetBytes, pmtPid, programMap(this.#hasPicture, this.#hasSound));
    this.#memory.resize(bytes);
    return new Uint8Array(this.#memory, 0, bytes);
  }

  /**
   * Reserves the packets of one PES packet. Its bytes are written to the end of what is reserved and then moved forward
   * packet by packet: the target never overtakes the source, so nothing but `out` itself is needed.
   */
  #startPes(wanted: Omit<OpenPes, 'out' | 'dataAt' | 'endsAt'>): OpenPes {
    const fieldBytes = wanted.clock90k === undefined ? flagsFieldBytes : clockFieldBytes;
    const endsAt = packetsFor(wanted.bytes, fieldBytes) * packetBytes;
    this.#grow(this.#at + endsAt);
    return { ...wanted, out: workspaceFor(endsAt), endsAt, dataAt: endsAt - wanted.bytes };
  }

  #packetise(pes: OpenPes): void {
    const { out, pid, endsAt } = pes;
    let counter = this.#counters.get(pid) ?? 0;
    let from = pes.dataAt;
    for (let at = 0; at < endsAt; at += packetBytes) {
      const isFirst = at === 0;
      let fieldBytes = isFirst ? (pes.clock90k === undefined ? flagsFieldBytes : clockFieldBytes) : 0;
      const payloadBytes = Math.min(endsAt - from, packetBytes - 4 - fieldBytes);
      const stuffing = packetBytes - 4 - fieldBytes - payloadBytes;
      fieldBytes += stuffing;
      // The last packet's own bytes must not be overwritten by its stuffing: move first.
      out.copyWithin(at + 4 + fieldBytes, from, from + payloadBytes);
      out[at] = 0x47;
      out[at + 1] = (isFirst ? 0x40 : 0) | (pid >> 8);
      out[at + 2] = pid & 255;
      out[at + 3] = (fieldBytes > 0 ? 0x30 : 0x10) | counter;
      counter = (counter + 1) & 15;
      if (fieldBytes > 0) writeAdaptationField(out, at + 4, fieldBytes, isFirst ? pes : undefined);
      from += payloadBytes;
    }
    this.#counters.set(pid, counter);
    this.#out.set(out.subarray(0, endsAt), this.#at);
    this.#at += endsAt;
  }

  #writeTable(at: number, pid: number, section: Uint8Array): void {
    this.#out.set([0x47, 0x40 | (pid >> 8), pid & 255, 0x10 | this.#nextCounter(pid), 0], at);
    this.#out.set(section, at + 5);
    this.#out.fill(0xff, at + 5 + section.length, at + packetBytes);
  }

  #grow(bytes: number): void {
    if (bytes > segmentBytesMax) throw segmentTooLong(bytes);
    if (bytes > this.#memory.byteLength) this.#memory.resize(Math.ceil(bytes / growBytes) * growBytes);
  }

  #nextCounter(pid: number): number {
    const counter = this.#counters.get(pid) ?? 0;
    this.#counters.set(pid, (counter + 1) & 15);
    return counter;
  }
}

/**
 * Of addresses, not of memory. A segment is cut at 128 MiB (a file) or 8 MiB (a live session) at the latest, and may be a
 * picture longer; twice the larger leaves room for packet headers as well.
 */
const segmentBytesMax = 256 * 1024 * 1024;
/** A third of a second at 6 Mb/s. */
const growBytes = 256 * 1024;
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
const startCode = Uint8Array.of(0, 0, 0, 1);
/** primary_pic_type 7: any slice (§7.3.2.4). */
const delimiter = Uint8Array.of(...startCode, nalType.aud, 0xf0);

interface OpenPes {
  pid: number;
  bytes: number;
  out: Uint8Array;
  /** Where its bytes are put in; and where its last packet ends, as they do. */
  dataAt: number;
  endsAt: number;
  clock90k: number | undefined;
  isRandomAccess: boolean;
  isDiscontinuity: boolean;
}

/** One for all streams of the process: what is put together in it is moved on before anything else can run. */
const workspace = new Uint8Array(512 * 1024);

/** A picture at 6 Mb/s has 30 kB and a keyframe ten times that; rare ones that are larger have memory of their own. */
function workspaceFor(bytes: number): Uint8Array {
  return bytes <= workspace.length ? workspace : new Uint8Array(bytes);
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

function segmentTooLong(bytes: number): TouchlineError {
  return new TouchlineError({
    code: 'ingest.segment-too-long',
    message: `a segment came to ${bytes} bytes, where ${segmentBytesMax} are allowed, and no picture came before which it could be cut: encode it again with a keyframe every 2 s`,
    retryable: false,
    blame: 'input',
  });
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
