import { TouchlineError } from '../core/errors.ts';
import { ticksPerSecond, type FrameRate } from '../core/media-time.ts';
import { forEachNal, readTransportStream } from '../core/mpegts.ts';
import { lastIdr, type ClipPlan, type Piece } from './clip-plan.ts';
import { encodePictures, type TickRange, type X264Settings } from './commands.ts';
import { writeMp4, type VideoSample } from './mp4-writer.ts';
import type { RunFfmpeg } from './run-ffmpeg.ts';
import { sameBytes, type Picture, type VideoConfig } from './source-media.ts';

export interface ClipPictures {
  /** In decode order. */
  samples: VideoSample[];
  sps: Uint8Array[];
  pps: Uint8Array[];
  /** Pictures of the plan that the decoder could not give us. */
  missingCount: number;
}

/** Visually lossless for a head of some frames; measured 43 dB at the worst. */
const crf = 18;

/** Times may not go below 0 behind x264's reordering. */
const shiftSeconds = 10;

/**
 * Makes the pictures of a clip as planned: copies what is copied, encodes what is encoded.
 *
 * @throws TouchlineError `clip.undecodable` when a picture that had to be encoded for a smart cut did not come out
 */
export async function makePictures(
  plan: ClipPlan,
  pictures: readonly Picture[],
  run: RunFfmpeg,
): Promise<ClipPictures> {
  const atOf = new Map(plan.pictures.map((planned) => [planned.source, planned.at]));
  const encoded =
    plan.made === 'smart' ? await encodeEnds(plan, pictures, run) : await encodeWhole(plan, pictures, run);
  const samples: VideoSample[] = [];
  const sps: Uint8Array[] = [];
  const pps: Uint8Array[] = [];
  let missingCount = 0;
  for (const piece of plan.pieces) {
    if (piece.kind === 'copy') {
      const config = pictures[piece.sources[0] ?? 0]?.config;
      addSets(sps, config?.sps.values() ?? []);
      addSets(pps, config?.pps.values() ?? []);
      for (const place of piece.sources) {
        const picture = pictures[place];
        const at = atOf.get(place);
        if (picture && at !== undefined) samples.push({ at, isIdr: picture.isIdr, nals: picture.nals });
      }
      continue;
    }
    const result = encoded.get(piece);
    addSets(sps, result?.sps ?? []);
    addSets(pps, result?.pps ?? []);
    missingCount += piece.sources.length - (result?.samples.length ?? 0);
    for (const sample of result?.samples ?? []) {
      samples.push({ ...sample, at: atOf.get(sample.source) ?? 0 });
    }
  }
  if (missingCount > 0 && plan.made === 'smart') {
    throw new TouchlineError({
      code: 'clip.undecodable',
      message: `${missingCount} pictures at the ends of the clip did not come out of the decoder: it has to be encoded as a whole`,
      retryable: false,
      blame: 'input',
    });
  }
  const earliest = samples.reduce<VideoSample | undefined>((a, b) => (a && a.at <= b.at ? a : b), undefined);
  // Where the first pictures are lost, the next one is held from the start: the rest keeps its time.
  if (earliest) earliest.at = 0;
  return { samples, sps, pps, missingCount };
}

/** Why pictures of such a stream are not mixed with ours; undefined for an ordinary one. */
export function whyNotMixed(config: VideoConfig): string | undefined {
  const { isProgressive, chromaFormatIdc, bitDepthLuma, bitDepthChroma, profileIdc } = config.parameters;
  if (!isProgressive) return 'the feed is interlaced';
  if (chromaFormatIdc !== 1 || bitDepthLuma !== 8 || bitDepthChroma !== 8)
    return 'the feed is not 8-bit 4:2:0';
  if (!profiles.has(profileIdc)) return `the feed has H.264 profile ${profileIdc}`;
  return undefined;
}

const profiles: ReadonlyMap<number, X264Settings['profile']> = new Map([
  [66, 'baseline'],
  [77, 'main'],
  [100, 'high'],
]);

interface EncodedPiece {
  samples: (VideoSample & { source: number })[];
  sps: Uint8Array[];
  pps: Uint8Array[];
}

/** Head and tail of a smart cut in one go: one start of ffmpeg, one set of parameters. */
async function encodeEnds(
  plan: ClipPlan,
  pictures: readonly Picture[],
  run: RunFfmpeg,
): Promise<Map<Piece, EncodedPiece>> {
  const pieces = plan.pieces.filter((piece) => piece.kind === 'encode');
  const config = pictures[pieces[0]?.sources[0] ?? 0]?.config;
  if (pieces.length === 0 || !config) return new Map();
  const x264: X264Settings = {
    preset: 'veryfast',
    crf,
    profile: profiles.get(config.parameters.profileIdc) ?? 'high',
    // Without B-frames the head ends where the copied part begins, with nothing held back.
    bFrames: 0,
    gopFrames: undefined,
    parameterSetId: freeSetId(config),
  };
  return await encode({ pieces, pictures, x264, frameRate: plan.frameRate, filters: [], run });
}

/** Every configuration by itself, each with parameter sets of its own id, all in the size of the first. */
async function encodeWhole(
  plan: ClipPlan,
  pictures: readonly Picture[],
  run: RunFfmpeg,
): Promise<Map<Piece, EncodedPiece>> {
  const all = new Map<Piece, EncodedPiece>();
  const pieces = plan.pieces.filter((piece) => piece.kind === 'encode');
  if (pieces.length > setIdCount - 1) {
    throw new TouchlineError({
      code: 'clip.too-many-changes',
      message: `the encoder settings change ${pieces.length - 1} times inside this clip; an MP4 holds at most ${setIdCount - 2}: ask for a shorter one`,
      retryable: false,
      blame: 'input',
    });
  }
  const fps = plan.frameRate ? plan.frameRate.num / plan.frameRate.den : 25;
  const first = pictures[pieces[0]?.sources[0] ?? 0]?.config.parameters;
  for (const [nth, piece] of pieces.entries()) {
    const own = pictures[piece.sources[0] ?? 0]?.config.parameters;
    const deinterlace = own && !own.isProgressive ? ['yadif=mode=send_frame'] : [];
    const fit =
      first && own && (own.width !== first.width || own.height !== first.height) ? fitInto(first) : [];
    const x264: X264Settings = {
      preset: 'veryfast',
      crf,
      profile: 'high',
      bFrames: 3,
      gopFrames: Math.round(fps * 2),
      parameterSetId: nth,
    };
    const filters = [...deinterlace, ...fit];
    const done = await encode({ pieces: [piece], pictures, x264, frameRate: plan.frameRate, filters, run });
    for (const [key, value] of done) all.set(key, value);
  }
  return all;
}

function fitInto(shape: { width: number; height: number; sar: FrameRate }): string[] {
  const { width, height, sar } = shape;
  return [
    `scale=${width}:${height}:force_original_aspect_ratio=decrease`,
    `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2`,
    `setsar=${sar.num}/${sar.den}`,
  ];
}

/** seq_parameter_set_id goes from 0 to 31 (§7.4.2.1.1). */
const setIdCount = 32;

/** x264 gives both its sets one id: it must be free among both kinds, or a decoder mixes them up. */
function freeSetId(config: VideoConfig): number {
  for (let id = 1; id < setIdCount; id += 1) {
    if (!config.sps.has(id) && !config.pps.has(id)) return id;
  }
  return 0;
}

async function encode(options: {
  pieces: readonly Piece[];
  pictures: readonly Picture[];
  x264: X264Settings;
  frameRate: FrameRate | undefined;
  filters: readonly string[];
  run: RunFfmpeg;
}): Promise<Map<Piece, EncodedPiece>> {
  const { pieces, pictures, x264, frameRate } = options;
  const input = decodable(
    pieces.flatMap((piece) => piece.sources),
    pictures,
  );
  const starts = pieces.map((piece) => Math.min(...piece.sources.map((place) => input.atOf(place))));
  const ranges = pieces.map((piece): TickRange => {
    const times = piece.sources.map((place) => input.atOf(place));
    return { from: Math.min(...times), to: Math.max(...times) };
  });
  const halfFrameSeconds = frameRate ? frameRate.den / frameRate.num / 2 : 0.01;
  const [output = Buffer.alloc(0)] = await options.run('encoding the pictures', {
    args: encodePictures({
      ranges,
      shiftSeconds,
      timeBase: frameRate ? { num: frameRate.den, den: frameRate.num } : { num: 1, den: ticksPerSecond },
      filters: options.filters,
      x264,
      keyframesAtSeconds: starts
        .slice(1)
        .map((start) => start / ticksPerSecond + shiftSeconds - halfFrameSeconds),
    }),
    input: input.mp4,
  });
  return assign(readEncoded(output), pieces, input.atOf, frameRate);
}

/**
 * An MP4 with what the decoder needs for `wanted`: from the IDR before each run of them, without the pictures that
 * nothing refers to and nobody asked for (half of a usual stream). Its times are 90 kHz ticks from its first picture.
 */
export function decodable(
  wanted: readonly number[],
  pictures: readonly Picture[],
): { mp4: Uint8Array; atOf: (place: number) => number } {
  const asked = new Set(wanted);
  const needed = new Set<number>();
  for (const place of wanted.toSorted((a, b) => a - b)) {
    for (let at = entryOf(pictures, place); at <= place; at += 1) {
      if (asked.has(at) || pictures[at]?.isReference) needed.add(at);
    }
  }
  const places = [...needed].toSorted((a, b) => a - b);
  const inTime = places.toSorted((a, b) => (pictures[a]?.pts90k ?? 0) - (pictures[b]?.pts90k ?? 0));
  const times = new Map<number, number>();
  const origin90k = pictures[inTime[0] ?? 0]?.pts90k ?? 0;
  let previous = -1;
  for (const place of inTime) {
    previous = Math.max(previous + 1, (pictures[place]?.pts90k ?? 0) - origin90k);
    times.set(place, previous);
  }
  const config = pictures[places[0] ?? 0]?.config;
  const mp4 = writeMp4(
    {
      timescale: ticksPerSecond,
      duration: previous + 1,
      sps: [...(config?.sps.values() ?? [])],
      pps: [...(config?.pps.values() ?? [])],
      samples: places.map((place) => ({
        at: times.get(place) ?? 0,
        isIdr: pictures[place]?.isIdr ?? false,
        nals: pictures[place]?.nals ?? [],
      })),
    },
    undefined,
  );
  return { mp4, atOf: (place) => times.get(place) ?? Number.NaN };
}

/** Where decoding starts for `place`: its IDR, or where its stretch starts. */
function entryOf(pictures: readonly Picture[], place: number): number {
  const idr = lastIdr(pictures, place);
  if (idr !== undefined) return idr;
  let at = place;
  while (at > 0 && pictures[at - 1]?.stretch === pictures[place]?.stretch) at -= 1;
  return at;
}

export interface EncodedPicture {
  pts90k: number;
  isIdr: boolean;
  nals: Uint8Array[];
}

export function readEncoded(output: Uint8Array): {
  pictures: EncodedPicture[];
  sps: Uint8Array[];
  pps: Uint8Array[];
} {
  const sps: Uint8Array[] = [];
  const pps: Uint8Array[] = [];
  const pictures = readTransportStream(output, shiftSeconds * ticksPerSecond).video.map(
    (unit): EncodedPicture => {
      const nals: Uint8Array[] = [];
      forEachNal(unit.data, (nal, type) => {
        if (type === 7) addSets(sps, [nal]);
        else if (type === 8) addSets(pps, [nal]);
        else if (type !== 9 && !isEncoderSignature(nal, type)) nals.push(nal);
      });
      return { pts90k: unit.pts90k - shiftSeconds * ticksPerSecond, isIdr: unit.isKeyframe, nals };
    },
  );
  return { pictures, sps, pps };
}

/** x264 writes its settings into a SEI of unregistered user data (payload type 5): of no use to anybody here. */
function isEncoderSignature(nal: Uint8Array, type: number): boolean {
  return type === 6 && nal[1] === 5;
}

/** Finds the picture that each encoded one was made from, by time: nearest, and at most half a frame away. */
function assign(
  encoded: ReturnType<typeof readEncoded>,
  pieces: readonly Piece[],
  atOf: (place: number) => number,
  frameRate: FrameRate | undefined,
): Map<Piece, EncodedPiece> {
  const expected = pieces
    .flatMap((piece) => piece.sources.map((source) => ({ piece, source, at: atOf(source) })))
    .toSorted((a, b) => a.at - b.at);
  const inTime = encoded.pictures.toSorted((a, b) => a.pts90k - b.pts90k);
  const half90k = frameRate ? (ticksPerSecond * frameRate.den) / frameRate.num / 2 : ticksPerSecond / 100;
  const madeFrom = new Map<EncodedPicture, (typeof expected)[number]>();
  let next = 0;
  for (const picture of inTime) {
    while (next < expected.length && (expected[next]?.at ?? 0) < picture.pts90k - half90k) next += 1;
    const candidate = expected[next];
    if (!candidate || candidate.at > picture.pts90k + half90k) continue;
    madeFrom.set(picture, candidate);
    next += 1;
  }
  const result = new Map<Piece, EncodedPiece>();
  for (const piece of pieces) result.set(piece, { samples: [], sps: encoded.sps, pps: encoded.pps });
  for (const picture of encoded.pictures) {
    const from = madeFrom.get(picture);
    if (!from) continue;
    result
      .get(from.piece)
      ?.samples.push({ at: 0, source: from.source, isIdr: picture.isIdr, nals: picture.nals });
  }
  return result;
}

function addSets(known: Uint8Array[], sets: Iterable<Uint8Array>): void {
  for (const set of sets) if (!known.some((one) => sameBytes(one, set))) known.push(set);
}
