import { TouchlineError } from '../core/errors.ts';
import { frameRateOf, ticksPerSecond } from '../core/media-time.ts';
import { forEachNal, readTransportStream } from '../core/mpegts.ts';
import { endOf90k, type SegmentRecord } from '../core/segment.ts';
import { splitAdts, type AacConfig, type AacFrame } from './adts.ts';
import {
  isIntraSlice,
  isRecoveryPoint,
  parsePpsIds,
  parseSps,
  type SequenceParameters,
} from './parameter-sets.ts';

/** Everything a clip can be cut from, in decode order, on the run's timeline. */
export interface SourceMedia {
  pictures: Picture[];
  sound: SoundFrame[];
  /** Stretches for which no pictures exist, between the first and the last that do. */
  gaps: { start90k: number; end90k: number }[];
  /** What was found wrong, for people. */
  notes: string[];
}

export interface Picture {
  pts90k: number;
  isIdr: boolean;
  /** Other pictures may be predicted from it (nal_ref_idc > 0). */
  isReference: boolean;
  /** Pictures with the same configuration decode with the same parameter sets. */
  config: VideoConfig;
  /** Counts the gaps before it. */
  stretch: number;
  /** NAL units as they came, without parameter sets, delimiters and filler. */
  nals: Uint8Array[];
}

export interface VideoConfig {
  sps: Map<number, Uint8Array>;
  pps: Map<number, Uint8Array>;
  parameters: SequenceParameters;
}

export interface SoundFrame extends AacFrame {
  pts90k: number;
  config: AacConfig;
}

/**
 * Hundred 6 s segments at 12 Mbit/s are 900 MB; a clip of such length is no clip. The bytes are held about twice
 * (segment and taken apart), so a worker slot needs 1 GiB at worst.
 */
const sourceBytesMax = 512 * 1024 * 1024;

/** Shorter holes between segments are held pictures, not gaps: two frames at 25 fps. */
const gap90kMin = 7200;

/**
 * Reads segments one after the other and takes them apart. What cannot be decoded (pictures before the first keyframe
 * of a stretch) is left out here, so that the plan sees only what can be shown.
 *
 * @throws TouchlineError `clip.no-media` when no picture is left, `clip.too-long` beyond 512 MiB
 */
export async function readSourceMedia(
  segments: readonly SegmentRecord[],
  readSegment: (segment: SegmentRecord) => Promise<Uint8Array>,
): Promise<SourceMedia> {
  const inOrder = [...new Map(segments.map((segment) => [segment.id, segment])).values()].toSorted(
    (a, b) => a.seq - b.seq,
  );
  refuseTooMuch(inOrder);
  const media: SourceMedia = { pictures: [], sound: [], gaps: [], notes: [] };
  const reader = { config: undefined as VideoConfig | undefined, stretch: 0, lastEnd90k: Number.NaN };
  let previous: SegmentRecord | undefined;
  for await (const { segment, bytes } of readAhead(inOrder, readSegment)) {
    if (!bytes) {
      media.notes.push(`segment ${segment.seq} is missing from the store`);
      continue;
    }
    const stream = readTransportStream(bytes, segment.start90k + segment.filePtsOffset90k);
    if (stream.problems.length > 0) {
      media.notes.push(`segment ${segment.seq} is damaged: ${stream.problems.join(', ')}`);
    }
    const toRun = (pts90k: number): number => pts90k - segment.filePtsOffset90k;
    const pictures = takePictures(stream.video, toRun, reader);
    if (segment.video && pictures.length < segment.video.frameCount) {
      media.notes.push(
        `segment ${segment.seq} holds ${pictures.length} of ${segment.video.frameCount} pictures`,
      );
    }
    const isJoined = previous?.seq === segment.seq - 1 && previous.epoch === segment.epoch;
    const shown = dropUndecodable(pictures, isJoined && media.pictures.length > 0);
    const first90k = Math.min(...shown.map((picture) => picture.pts90k));
    if (shown.length > 0) {
      const missing90k = first90k - reader.lastEnd90k;
      const isWhole = isJoined && segment.gapBefore90k <= gap90kMin && shown.length === pictures.length;
      if (!isWhole && missing90k > gap90kMin) {
        media.gaps.push({ start90k: reader.lastEnd90k, end90k: first90k });
        reader.stretch += 1;
      }
      for (const picture of shown) picture.stretch = reader.stretch;
      media.pictures.push(...shown);
      reader.lastEnd90k = endOfPictures(shown);
      previous = segment;
    }
    media.sound.push(...takeSound(stream.audio, toRun));
  }
  if (media.pictures.length === 0) {
    throw new TouchlineError({
      code: 'clip.no-media',
      message: `no picture can be decoded from the ${segments.length} segments of this clip (${media.notes.join('; ') || 'none starts with a keyframe'})`,
      retryable: false,
      blame: 'input',
    });
  }
  return media;
}

function refuseTooMuch(segments: readonly SegmentRecord[]): void {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  if (bytes <= sourceBytesMax) return;
  const first = segments[0];
  const last = segments.at(-1);
  const seconds = first && last ? (endOf90k(last) - first.start90k) / ticksPerSecond : 0;
  throw new TouchlineError({
    code: 'clip.too-long',
    message: `a clip of ${Math.round(seconds)} s needs ${bytes} bytes of source (at most ${sourceBytesMax}): ask for a shorter one`,
    retryable: false,
    blame: 'caller',
  });
}

/** While one is taken apart, so many more are on their way: from S3 each takes 50 to 100 ms. */
const aheadMax = 4;

async function* readAhead(
  segments: readonly SegmentRecord[],
  readSegment: (segment: SegmentRecord) => Promise<Uint8Array>,
): AsyncGenerator<{ segment: SegmentRecord; bytes: Uint8Array | undefined }> {
  const ahead: { segment: SegmentRecord; bytes: Promise<Uint8Array | undefined> }[] = [];
  for (const segment of segments) {
    const bytes = readOrMiss(segment, readSegment);
    bytes.catch(() => undefined); // Awaited in its turn.
    ahead.push({ segment, bytes });
    const due = ahead.length > aheadMax ? ahead.shift() : undefined;
    if (due) yield { segment: due.segment, bytes: await due.bytes };
  }
  for (const { segment, bytes } of ahead) yield { segment, bytes: await bytes };
}

async function readOrMiss(
  segment: SegmentRecord,
  readSegment: (segment: SegmentRecord) => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  try {
    return await readSegment(segment);
  } catch (thrown) {
    if (thrown instanceof TouchlineError && thrown.code === 'store.not-found') return undefined;
    throw thrown;
  }
}

/** Pictures of one segment; `reader.config` carries the parameter sets from segment to segment. */
function takePictures(
  units: ReturnType<typeof readTransportStream>['video'],
  toRun: (pts90k: number) => number,
  reader: { config: VideoConfig | undefined },
): (Picture & { isEntry: boolean })[] {
  const pictures: (Picture & { isEntry: boolean })[] = [];
  for (const unit of units) {
    const nals: Uint8Array[] = [];
    let isReference = false;
    let isIntra = false;
    let recovers = false;
    let hasSlice = false;
    forEachNal(unit.data, (nal, type) => {
      if (type === 7 || type === 8) reader.config = withParameterSet(reader.config, nal, type);
      if (droppedNalTypes.has(type)) return;
      nals.push(nal);
      if (type === 6) recovers ||= isRecoveryPoint(nal);
      if ((type === 1 || type === 5) && !hasSlice) {
        hasSlice = true;
        isReference = ((nal[0] ?? 0) & 0x60) !== 0;
        isIntra = isIntraSlice(nal);
      }
    });
    if (!hasSlice || !reader.config) continue;
    pictures.push({
      pts90k: toRun(unit.pts90k),
      isIdr: unit.isKeyframe,
      isEntry: unit.isKeyframe || recovers || isIntra,
      isReference,
      config: reader.config,
      stretch: 0,
      nals,
    });
  }
  return pictures;
}

/** Delimiters (9), ends (10, 11), filler (12) mean nothing in an MP4; parameter sets go into its avcC. */
const droppedNalTypes: ReadonlySet<number> = new Set([7, 8, 9, 10, 11, 12]);

/** A set that replaces one of the same id by another opens a new configuration; anything else extends the one in use. */
function withParameterSet(
  config: VideoConfig | undefined,
  nal: Uint8Array,
  type: number,
): VideoConfig | undefined {
  try {
    if (type === 7) {
      const parameters = parseSps(nal);
      const known = config?.sps.get(parameters.id);
      if (config && known && sameBytes(known, nal)) return config;
      if (config && !known && isSameShape(config.parameters, parameters)) {
        config.sps.set(parameters.id, nal);
        return config;
      }
      return { sps: new Map([[parameters.id, nal]]), pps: new Map(), parameters };
    }
    if (!config) return undefined;
    const { id } = parsePpsIds(nal);
    const known = config.pps.get(id);
    if (known && sameBytes(known, nal)) return config;
    if (!known) {
      config.pps.set(id, nal);
      return config;
    }
    return { ...config, pps: new Map(config.pps).set(id, nal) };
  } catch (thrown) {
    if (thrown instanceof RangeError) return config;
    throw thrown;
  }
}

function isSameShape(a: SequenceParameters, b: SequenceParameters): boolean {
  return a.width === b.width && a.height === b.height && a.profileIdc === b.profileIdc;
}

/** After a hole, decoding starts at a keyframe; what is shown before it refers to pictures that do not exist. */
function dropUndecodable(pictures: (Picture & { isEntry: boolean })[], continues: boolean): Picture[] {
  if (continues) return pictures;
  const entryAt = pictures.findIndex((picture) => picture.isEntry);
  const entry = pictures[entryAt];
  if (!entry) return [];
  return pictures.slice(entryAt).filter((picture) => picture.pts90k >= entry.pts90k);
}

function endOfPictures(pictures: readonly Picture[]): number {
  const times = pictures.map((picture) => picture.pts90k).toSorted((a, b) => a - b);
  const rate = frameRateOf(times);
  const period90k = rate ? Math.round((ticksPerSecond * rate.den) / rate.num) : 0;
  return (times.at(-1) ?? 0) + period90k;
}

/** ADTS frames with the time of each; only the first that begins in a packet has its own (13818-1 §2.4.3.7). */
function takeSound(
  units: ReturnType<typeof readTransportStream>['audio'],
  toRun: (pts90k: number) => number,
): SoundFrame[] {
  const sound: SoundFrame[] = [];
  let rest: Uint8Array = new Uint8Array();
  let next90k = Number.NaN;
  for (const unit of units) {
    const bytes = rest.length === 0 ? unit.data : new Uint8Array(Buffer.concat([rest, unit.data]));
    const carried = rest.length;
    const split = splitAdts(bytes);
    let isTimed = false;
    for (const frame of split.frames) {
      if (!isTimed && frame.offset >= carried) [next90k, isTimed] = [toRun(unit.pts90k), true];
      if (Number.isNaN(next90k)) next90k = toRun(unit.pts90k);
      const { specificConfig, sampleRateHz, channelCount } = frame;
      sound.push({
        data: frame.data,
        sampleCount: frame.sampleCount,
        pts90k: next90k,
        config: { specificConfig, sampleRateHz, channelCount },
      });
      next90k += (frame.sampleCount * ticksPerSecond) / sampleRateHz;
    }
    rest = split.rest;
  }
  return sound;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
