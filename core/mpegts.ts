import { unwrapPts90k } from './media-time.ts';

/** One coded picture (Annex B, as it lies in the stream) or one PES packet of ADTS sound. */
export interface AccessUnit {
  /** Unwrapped next to `nearPts90k`, not yet moved to the run's timeline. */
  pts90k: number;
  dts90k: number;
  /** For pictures: holds an IDR slice (ISO/IEC 14496-10 nal_unit_type 5). Always true for sound. */
  isKeyframe: boolean;
  data: Uint8Array;
}

export interface TransportStream {
  video: AccessUnit[];
  audio: AccessUnit[];
  /** What is wrong with the bytes, in words; empty for a sound file. */
  problems: string[];
}

const packetBytes = 188;
const syncByte = 0x47;
export const h264StreamType = 0x1b;
export const adtsStreamType = 0x0f;
type TrackKind = 'video' | 'audio';

/**
 * Takes a single-programme MPEG transport stream apart (ISO/IEC 13818-1): H.264 pictures and ADTS AAC in decode order.
 * Reads what it can and names the rest in `problems`. Cost: about 1 ms per second of 7 Mb/s video.
 *
 * @param nearPts90k any time within 13 hours of the content: PTS are unwrapped towards it
 */
export function readTransportStream(bytes: Uint8Array, nearPts90k = 0): TransportStream {
  const found: Omit<TransportStream, 'problems'> = { video: [], audio: [] };
  const reader = new TransportStreamReader({ nearPts90k, onUnit: (kind, unit) => found[kind].push(unit) });
  reader.push(bytes);
  return { ...found, problems: reader.end() };
}

/** As `readTransportStream`, for a stream that comes in pieces of any size. Keeps references to the pieces, not copies. */
export class TransportStreamReader {
  /** stream_type of each elementary stream, in the order of the programme map; undefined until one was read. */
  streamTypes: readonly number[] | undefined;
  readonly #onUnit: (kind: TrackKind, unit: AccessUnit) => void;
  readonly #tracks = new Map<number, { kind: TrackKind; pieces: Uint8Array[]; counter: number }>();
  readonly #problems = new Set<string>();
  #nearPts90k: number;
  #pmtPid = -1;
  #carried: Uint8Array = new Uint8Array(0);
  #position = 0;
  #isLost = false;

  constructor(options: { nearPts90k?: number; onUnit: (kind: TrackKind, unit: AccessUnit) => void }) {
    this.#nearPts90k = options.nearPts90k ?? 0;
    this.#onUnit = options.onUnit;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    if (this.#carried.length > 0) {
      const missing = Math.min(packetBytes - this.#carried.length, bytes.length);
      const joined = new Uint8Array(this.#carried.length + missing);
      joined.set(this.#carried);
      joined.set(bytes.subarray(0, missing), this.#carried.length);
      this.#carried = joined;
      if (joined.length < packetBytes) return;
      this.#readPacket(joined, 0);
      this.#carried = new Uint8Array(0);
      at = missing;
    }
    for (; at + packetBytes <= bytes.length; at += packetBytes) this.#readPacket(bytes, at);
    this.#carried = bytes.slice(at);
  }

  /** Gives out what is still open. @returns what was wrong with the bytes, in words */
  end(): string[] {
    if (this.#carried.length > 0) this.#problems.add('its length is not a whole number of 188-byte packets');
    for (const track of this.#tracks.values()) this.#closeUnit(track.kind, track.pieces);
    if (this.#tracks.size === 0) this.#problems.add('no programme in it');
    return [...this.#problems];
  }

  #readPacket(bytes: Uint8Array, at: number): void {
    const position = this.#position;
    this.#position += packetBytes;
    if (this.#isLost) return;
    if (bytes[at] !== syncByte) {
      this.#isLost = true;
      this.#problems.add(`no sync byte at ${position}`);
      return;
    }
    const pid = ((byte(bytes, at + 1) & 0x1f) << 8) | byte(bytes, at + 2);
    const startsUnit = (byte(bytes, at + 1) & 0x40) !== 0;
    const control = (byte(bytes, at + 3) >> 4) & 3;
    if ((control & 1) === 0) return; // adaptation field only
    const fieldBytes = (control & 2) === 0 ? 0 : 1 + byte(bytes, at + 4);
    if (4 + fieldBytes > packetBytes) {
      this.#problems.add(`adaptation field too long at ${position}`);
      return;
    }
    const payload = bytes.subarray(at + 4 + fieldBytes, at + packetBytes);
    if (pid === 0) {
      if (startsUnit) this.#pmtPid = programMapPid(payload);
    } else if (pid === this.#pmtPid) {
      if (startsUnit) this.#readProgramMap(payload);
    } else {
      const track = this.#tracks.get(pid);
      if (!track) return;
      const counter = byte(bytes, at + 3) & 15;
      const isDiscontinuity = fieldBytes > 1 && (byte(bytes, at + 5) & 0x80) !== 0; // §2.4.3.5
      if (track.counter >= 0 && counter !== ((track.counter + 1) & 15) && !isDiscontinuity)
        this.#problems.add(`packets missing in the ${track.kind}`);
      track.counter = counter;
      if (startsUnit) {
        this.#closeUnit(track.kind, track.pieces);
        track.pieces = [payload];
      } else if (track.pieces.length > 0) track.pieces.push(payload);
    }
  }

  #readProgramMap(payload: Uint8Array): void {
    const streams = programStreams(payload);
    this.streamTypes = streams.map((stream) => stream.type);
    for (const { pid, type } of streams) {
      const kind = type === h264StreamType ? 'video' : type === adtsStreamType ? 'audio' : undefined;
      if (kind && !this.#tracks.has(pid)) this.#tracks.set(pid, { kind, pieces: [], counter: -1 });
    }
  }

  #closeUnit(kind: TrackKind, pieces: readonly Uint8Array[]): void {
    if (pieces.length === 0) return;
    const unit = parsePes(pieces, this.#nearPts90k);
    if (!unit) {
      this.#problems.add(`a ${kind} packet without a time`);
      return;
    }
    this.#nearPts90k = unit.pts90k; // A stream longer than 13 hours carries its own reference along.
    this.#onUnit(kind, { ...unit, isKeyframe: kind === 'audio' || holdsIdr(unit.data) });
  }
}

/** Calls `visit` with each NAL unit of an Annex B picture, start codes and trailing zeros taken off. */
export function forEachNal(data: Uint8Array, visit: (nal: Uint8Array, type: number) => void): void {
  let start = -1;
  for (let at = 0; at + 2 < data.length; at += 1) {
    if (byte(data, at + 2) > 1) at += 2;
    else if (data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1) {
      if (start >= 0) emit(start, at);
      start = at + 3;
      at += 2;
    }
  }
  if (start >= 0) emit(start, data.length);

  function emit(from: number, to: number): void {
    let end = to;
    while (end > from && data[end - 1] === 0) end -= 1;
    if (end > from) visit(data.subarray(from, end), byte(data, from) & 31);
  }
}

function holdsIdr(data: Uint8Array): boolean {
  for (let at = 0; at + 3 < data.length; at += 1) {
    if (byte(data, at + 2) > 1) at += 2;
    else if (data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1) {
      const type = byte(data, at + 3) & 31;
      if (type === 5) return true;
      if (type === 1) return false; // The first slice decides; what follows it is slices of the same picture.
      at += 2;
    }
  }
  return false;
}

function parsePes(
  pieces: readonly Uint8Array[],
  nearPts90k: number,
): Omit<AccessUnit, 'isKeyframe'> | undefined {
  const head = pieces[0];
  if (!head || head.length < 9 || head[0] !== 0 || head[1] !== 0 || head[2] !== 1) return undefined;
  const flags = byte(head, 7) >> 6;
  const headerBytes = 9 + byte(head, 8);
  if ((flags & 2) === 0 || head.length < headerBytes) return undefined;
  const pts90k = unwrapPts90k(timestamp(head, 9), nearPts90k);
  const dts90k = flags === 3 ? unwrapPts90k(timestamp(head, 14), nearPts90k) : pts90k;
  const packetLength = (byte(head, 4) << 8) | byte(head, 5);
  let totalBytes = -headerBytes;
  for (const piece of pieces) totalBytes += piece.length;
  // Zero means "until the next one" and is allowed for video (§2.4.3.7); otherwise what is behind it is stuffing.
  if (packetLength > 0) totalBytes = Math.min(totalBytes, packetLength + 6 - headerBytes);
  const data = new Uint8Array(Math.max(0, totalBytes));
  let filled = 0;
  for (const [index, piece] of pieces.entries()) {
    const part = (index === 0 ? piece.subarray(headerBytes) : piece).subarray(0, data.length - filled);
    data.set(part, filled);
    filled += part.length;
  }
  return { pts90k, dts90k, data };
}

/** 33 bits in five bytes with marker bits (§2.4.3.6); the top bits need a multiplication, not a shift. */
function timestamp(bytes: Uint8Array, at: number): number {
  return (
    ((byte(bytes, at) >> 1) & 7) * 2 ** 30 +
    ((byte(bytes, at + 1) << 22) |
      ((byte(bytes, at + 2) >> 1) << 15) |
      (byte(bytes, at + 3) << 7) |
      (byte(bytes, at + 4) >> 1))
  );
}

function programMapPid(payload: Uint8Array): number {
  const table = 1 + byte(payload, 0);
  return ((byte(payload, table + 10) & 0x1f) << 8) | byte(payload, table + 11);
}

function programStreams(payload: Uint8Array): { pid: number; type: number }[] {
  const table = 1 + byte(payload, 0);
  const sectionBytes = ((byte(payload, table + 1) & 0x0f) << 8) | byte(payload, table + 2);
  const end = Math.min(payload.length, table + 3 + sectionBytes - 4);
  const streams: { pid: number; type: number }[] = [];
  let at = table + 12 + (((byte(payload, table + 10) & 0x0f) << 8) | byte(payload, table + 11));
  while (at + 5 <= end) {
    streams.push({
      type: byte(payload, at),
      pid: ((byte(payload, at + 1) & 0x1f) << 8) | byte(payload, at + 2),
    });
    at += 5 + (((byte(payload, at + 3) & 0x0f) << 8) | byte(payload, at + 4));
  }
  return streams;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
