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
const h264StreamType = 0x1b;
const adtsStreamType = 0x0f;

/**
 * Takes a single-programme MPEG transport stream apart (ISO/IEC 13818-1): H.264 pictures and ADTS AAC in decode order.
 * Reads what it can and names the rest in `problems`. Cost: about 1 ms per second of 7 Mb/s video.
 *
 * @param nearPts90k any time within 13 hours of the content: PTS are unwrapped towards it
 */
export function readTransportStream(bytes: Uint8Array, nearPts90k = 0): TransportStream {
  const problems = new Set<string>();
  const tracks = new Map<number, { kind: 'video' | 'audio'; pieces: Uint8Array[]; counter: number }>();
  const found: TransportStream = { video: [], audio: [], problems: [] };
  let pmtPid = -1;

  if (bytes.length % packetBytes !== 0) problems.add('its length is not a whole number of 188-byte packets');
  for (let at = 0; at + packetBytes <= bytes.length; at += packetBytes) {
    if (bytes[at] !== syncByte) {
      problems.add(`no sync byte at ${at}`);
      break;
    }
    const pid = ((byte(bytes, at + 1) & 0x1f) << 8) | byte(bytes, at + 2);
    const startsUnit = (byte(bytes, at + 1) & 0x40) !== 0;
    const control = (byte(bytes, at + 3) >> 4) & 3;
    if ((control & 1) === 0) continue; // adaptation field only
    const payloadAt = (control & 2) === 0 ? at + 4 : at + 5 + byte(bytes, at + 4);
    if (payloadAt > at + packetBytes) {
      problems.add(`adaptation field too long at ${at}`);
      continue;
    }
    const payload = bytes.subarray(payloadAt, at + packetBytes);
    if (pid === 0) {
      pmtPid = startsUnit ? programMapPid(payload) : pmtPid;
    } else if (pid === pmtPid) {
      if (startsUnit)
        for (const [trackPid, kind] of programTracks(payload)) {
          if (!tracks.has(trackPid)) tracks.set(trackPid, { kind, pieces: [], counter: -1 });
        }
    } else {
      const track = tracks.get(pid);
      if (!track) continue;
      const counter = byte(bytes, at + 3) & 15;
      if (track.counter >= 0 && counter !== ((track.counter + 1) & 15))
        problems.add(`packets missing in the ${track.kind}`);
      track.counter = counter;
      if (startsUnit) {
        closeUnit(track.kind, track.pieces);
        track.pieces = [payload];
      } else if (track.pieces.length > 0) track.pieces.push(payload);
    }
  }
  for (const track of tracks.values()) closeUnit(track.kind, track.pieces);
  if (tracks.size === 0) problems.add('no programme in it');
  found.problems = [...problems];
  return found;

  function closeUnit(kind: 'video' | 'audio', pieces: readonly Uint8Array[]): void {
    if (pieces.length === 0) return;
    const unit = parsePes(pieces, nearPts90k);
    if (!unit) {
      problems.add(`a ${kind} packet without a time`);
      return;
    }
    found[kind].push({ ...unit, isKeyframe: kind === 'audio' || holdsIdr(unit.data) });
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

function programTracks(payload: Uint8Array): [number, 'video' | 'audio'][] {
  const table = 1 + byte(payload, 0);
  const sectionBytes = ((byte(payload, table + 1) & 0x0f) << 8) | byte(payload, table + 2);
  const end = Math.min(payload.length, table + 3 + sectionBytes - 4);
  const tracks: [number, 'video' | 'audio'][] = [];
  let at = table + 12 + (((byte(payload, table + 10) & 0x0f) << 8) | byte(payload, table + 11));
  while (at + 5 <= end) {
    const type = byte(payload, at);
    const pid = ((byte(payload, at + 1) & 0x1f) << 8) | byte(payload, at + 2);
    if (type === h264StreamType) tracks.push([pid, 'video']);
    if (type === adtsStreamType) tracks.push([pid, 'audio']);
    at += 5 + (((byte(payload, at + 3) & 0x0f) << 8) | byte(payload, at + 4));
  }
  return tracks;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
