import { TouchlineError } from '../../core/errors.ts';
import { unwrapPts90k } from '../../core/media-time.ts';
import { readTransportStream, type AccessUnit } from '../../core/mpegts.ts';
import type { SegmentRecord } from '../../core/segment.ts';

/** A segment's media, taken apart and found to be what its record says. Times are on the run's timeline. */
export interface CheckedSegment {
  /** In display order. */
  pictures: { at90k: number; bytes: number; isKeyframe: boolean }[];
  isReordered: boolean;
  sound: { start90k: number; end90k: number } | undefined;
  /** Coded, for those who decode it: keyframes and packets of sound in order. */
  coded: { keyframes: CodedUnit[]; sound: CodedUnit[] };
}

interface CodedUnit {
  at90k: number;
  data: Uint8Array;
}

/** A frame lost by the publisher is life, a tenth of the segment missing is a broken object. */
const missingShareMax = 0.1;
const slack90k = 45_000;

/**
 * Compares the bytes with the record before anything is decoded: ffmpeg ends with exit code 0 on half a file.
 *
 * @throws TouchlineError `segment.corrupt`, never retryable
 */
export function checkSegment(segment: SegmentRecord, bytes: Uint8Array): CheckedSegment {
  if (bytes.length === 0) throw corrupt(segment, 'it is empty');
  if (bytes[0] !== 0x47) {
    throw corrupt(
      segment,
      `it is no MPEG transport stream: it begins with ${firstBytes(bytes)} instead of 47`,
    );
  }
  if (bytes.length !== segment.bytes) {
    throw corrupt(
      segment,
      `it has ${bytes.length} bytes, ${segment.bytes} were recorded: it is cut short or another file`,
    );
  }
  const stream = readTransportStream(bytes, segment.start90k + segment.filePtsOffset90k);
  const toRun = (unit: AccessUnit): number =>
    unwrapPts90k(unit.pts90k - segment.filePtsOffset90k, segment.start90k);
  const pictures = stream.video
    .map((unit) => ({ at90k: toRun(unit), bytes: unit.data.length, isKeyframe: unit.isKeyframe }))
    .toSorted((one, other) => one.at90k - other.at90k);
  const soundTimes = stream.audio.map(toRun);
  const checked: CheckedSegment = {
    pictures,
    isReordered: stream.video.some(
      (unit, index) => unit.pts90k < (stream.video[index - 1]?.pts90k ?? -Infinity),
    ),
    sound: soundTimes.length === 0 ? undefined : soundSpan(soundTimes),
    coded: {
      keyframes: stream.video
        .filter((unit) => unit.isKeyframe)
        .map((unit) => ({ at90k: toRun(unit), data: unit.data })),
      sound: stream.audio.map((unit) => ({ at90k: toRun(unit), data: unit.data })),
    },
  };
  const problems = [...pictureProblems(segment, checked), ...soundProblems(segment, checked)];
  if (problems.length > 0) throw corrupt(segment, [...problems, ...stream.problems].join('; '));
  return checked;
}

export function corrupt(segment: SegmentRecord, what: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: 'segment.corrupt',
    message: `segment ${segment.id} (${segment.key}) cannot be analysed: ${what}`,
    retryable: false,
    blame: 'input',
    cause,
  });
}

function pictureProblems(segment: SegmentRecord, found: CheckedSegment): string[] {
  if (!segment.video) return [];
  const recorded = segment.video.frameCount;
  if (found.pictures.length < recorded * (1 - missingShareMax)) {
    return [`${found.pictures.length} pictures are in it, ${recorded} were recorded`];
  }
  const first = found.pictures[0]?.at90k ?? segment.start90k;
  const last = found.pictures.at(-1)?.at90k ?? first;
  const periodMean90k = found.pictures.length > 1 ? (last - first) / (found.pictures.length - 1) : 0;
  const missing90k = segment.duration90k - (last - first + periodMean90k);
  if (missing90k > Math.max(slack90k, segment.duration90k * missingShareMax)) {
    return [`its pictures last ${ms(last - first)} ms, ${ms(segment.duration90k)} ms were recorded`];
  }
  return [];
}

function soundProblems(segment: SegmentRecord, found: CheckedSegment): string[] {
  if (!segment.audio) return [];
  if (!found.sound) return ['the recorded sound is not in it'];
  const missing90k = segment.duration90k - (found.sound.end90k - found.sound.start90k);
  // Sound of its own (no pictures) has to fill the segment; beside pictures a publisher may switch it on late.
  return !segment.video && missing90k > Math.max(slack90k, segment.duration90k * missingShareMax)
    ? [
        `its sound lasts ${ms(found.sound.end90k - found.sound.start90k)} ms, ${ms(segment.duration90k)} ms were recorded`,
      ]
    : [];
}

/** The last packet lasts about as long as those before it. */
function soundSpan(times: readonly number[]): { start90k: number; end90k: number } {
  const start90k = Math.min(...times);
  const last90k = Math.max(...times);
  const period90k = times.length > 1 ? (last90k - start90k) / (times.length - 1) : 0;
  return { start90k, end90k: Math.round(last90k + period90k) };
}

function firstBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 4)).toString('hex');
}

function ms(ticks: number): number {
  return Math.round(ticks / 90);
}
