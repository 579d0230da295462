import { parsePpsIds, parseSps } from './parameter-sets.ts';

/** The pictures of a finished MP4, as a player finds them. */
export interface Mp4Pictures {
  /** In decode order. */
  samples: { at: number; isSync: boolean; body: Uint8Array }[];
  /** By id. */
  sps: Map<number, Uint8Array>;
  pps: Map<number, Uint8Array>;
}

/**
 * Reads the picture track of an MP4 from its tables alone (ISO/IEC 14496-12 §8): where each sample lies and when it is
 * shown. It shares no code with the writer and knows nothing of the plan, so that it can be a witness.
 *
 * @throws RangeError when a box that a player needs is missing or reaches beyond the file
 */
export function readMp4Pictures(file: Uint8Array): Mp4Pictures {
  const track = boxesOf(find(file, 'moov'), 'trak').find(
    (trak) => textAt(find(trak, 'mdia', 'hdlr'), 8) === 'vide',
  );
  if (!track) throw new RangeError('the file has no track of pictures');
  const stbl = find(track, 'mdia', 'minf', 'stbl');
  // In front of the boxes inside lie a count in `stsd`, and the fields of a visual sample entry in `avc1`.
  const avc1 = find(find(stbl, 'stsd').subarray(8), 'avc1');
  return { samples: readSamples(file, stbl), ...readParameterSets(find(avc1.subarray(78), 'avcC')) };
}

function readSamples(file: Uint8Array, stbl: Uint8Array): Mp4Pictures['samples'] {
  const sizes = wordsOf(find(stbl, 'stsz'), 8, 1).flat();
  const durations = spread(wordsOf(find(stbl, 'stts'), 4, 2));
  const shifts = spread(wordsOf(findOrEmpty(stbl, 'ctts'), 4, 2)).map((shift) => shift | 0);
  const syncs = new Set(wordsOf(findOrEmpty(stbl, 'stss'), 4, 1).flat());
  const places = placesOf(stbl, sizes);
  let decodedAt = 0;
  return sizes.map((bytes, nth) => {
    const from = places[nth];
    if (from === undefined || from + bytes > file.length) {
      throw new RangeError(`picture ${nth + 1} of ${sizes.length} lies beyond the file`);
    }
    const at = decodedAt + (shifts[nth] ?? 0);
    decodedAt += durations[nth] ?? 0;
    const isSync = syncs.size === 0 || syncs.has(nth + 1);
    return { at, isSync, body: file.subarray(from, from + bytes) };
  });
}

/** Samples lie one behind the other in chunks; `stsc` says how many in each from a chunk on. */
function placesOf(stbl: Uint8Array, sizes: readonly number[]): number[] {
  const chunks = wordsOf(find(stbl, 'stco'), 4, 1).flat();
  const runs = wordsOf(find(stbl, 'stsc'), 4, 3);
  const places: number[] = [];
  for (const [nth, chunk] of chunks.entries()) {
    const [, count = 0] = runs.findLast(([first = 0]) => first <= nth + 1) ?? [];
    let place = chunk;
    for (let left = count; left > 0; left -= 1) {
      const bytes = sizes[places.length] ?? 0;
      places.push(place);
      place += bytes;
    }
  }
  return places;
}

/** ISO/IEC 14496-15 §5.3.3.1. */
function readParameterSets(avcC: Uint8Array): Pick<Mp4Pictures, 'sps' | 'pps'> {
  const view = viewOf(avcC);
  let at = 5;
  const take = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => {
      const from = at + 2;
      at = from + view.getUint16(at);
      return avcC.subarray(from, at);
    });
  const sps = take((avcC[at++] ?? 0) & 0x1f);
  const pps = take(avcC[at++] ?? 0);
  return {
    sps: new Map(sps.map((set) => [parseSps(set).id, set])),
    pps: new Map(pps.map((set) => [parsePpsIds(set).id, set])),
  };
}

/** The body of the first box on the way `names` into `parent`. */
function find(parent: Uint8Array, ...names: readonly string[]): Uint8Array {
  return names.reduce((body, name) => {
    const [found] = boxesOf(body, name);
    if (!found) throw new RangeError(`the file has no box "${name}" where one belongs`);
    return found;
  }, parent);
}

function findOrEmpty(parent: Uint8Array, name: string): Uint8Array {
  return boxesOf(parent, name)[0] ?? new Uint8Array(8);
}

function boxesOf(parent: Uint8Array, name: string): Uint8Array[] {
  const view = viewOf(parent);
  const found: Uint8Array[] = [];
  for (let at = 0; at + 8 <= parent.length;) {
    const bytes = view.getUint32(at);
    if (bytes < 8 || at + bytes > parent.length) throw new RangeError(`a box of ${bytes} bytes does not fit`);
    if (textAt(parent, at + 4) === name) found.push(parent.subarray(at + 8, at + bytes));
    at += bytes;
  }
  return found;
}

/** A full box's table: at `countAt` how many entries of `width` words of 32 bits follow. */
function wordsOf(body: Uint8Array, countAt: number, width: number): number[][] {
  const view = viewOf(body);
  return Array.from({ length: view.getUint32(countAt) }, (_, nth) =>
    Array.from({ length: width }, (_, word) => view.getUint32(countAt + 4 + (nth * width + word) * 4)),
  );
}

/** [count, value] pairs, written out. */
function spread(runs: readonly number[][]): number[] {
  return runs.flatMap(([count = 0, value = 0]) => Array.from({ length: count }, () => value));
}

function textAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
