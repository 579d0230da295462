import { asTouchlineError } from '../../core/errors.ts';
import { frameRateOf, ticksPerSecond } from '../../core/media-time.ts';
import { forEachNal, readTransportStream, type AccessUnit } from '../../core/mpegts.ts';
import type { SegmentRecord } from '../../core/segment.ts';

import { forEachAdtsFrame, samplesPerFrame, type AudioConfig } from '../aac.ts';
import { nalType, videoConfig, type VideoConfig } from '../h264.ts';

/** What a segment that somebody else cut holds. Times are the file's own, unwrapped. */
export interface SegmentContent {
  /** Of the earliest picture (or sample, without pictures). */
  first90k: number;
  duration90k: number;
  startsWithKeyframe: boolean;
  video: SegmentRecord['video'];
  audio: SegmentRecord['audio'];
  /** What is wrong with it, in words; empty for a sound one. */
  problems: string[];
}

/**
 * Takes a transport stream apart and says what our own segmenter would have said of it. What cannot be read has no tracks:
 * it goes its way all the same, and the worker that looks at it finds it corrupt.
 *
 * @param nearPts90k where the times of this file are expected, to unwrap them
 */
export function readSegmentContent(bytes: Uint8Array, nearPts90k: number): SegmentContent {
  const stream = readTransportStream(bytes, nearPts90k);
  const { problems } = stream;
  const config = configOf(stream.video, problems);
  const pictures = config ? stream.video : [];
  const sound = soundOf(stream.audio);
  const pts90k = pictures.map((picture) => picture.pts90k).toSorted((one, other) => one - other);
  const first90k = pts90k[0] ?? sound?.first90k ?? nearPts90k;
  const end90k = pts90k.length > 0 ? endOfPictures(pts90k) : (sound?.end90k ?? first90k);
  const duration90k = end90k - first90k;
  if (duration90k < 0 || duration90k > duration90kMax) {
    problems.push(`its times span ${Math.round(duration90k / ticksPerSecond)} s`);
    return { ...nothing, first90k: nearPts90k, problems };
  }
  return {
    first90k,
    duration90k,
    startsWithKeyframe: pictures[0]?.isKeyframe ?? false,
    video: config
      ? {
          codec: 'h264',
          width: config.width,
          height: config.height,
          frameCount: pictures.length,
          frameRate: frameRateOf(pts90k) ?? null,
          keyframes90k: pictures
            .filter((picture) => picture.isKeyframe)
            .map((picture) => picture.pts90k)
            .toSorted((one, other) => one - other),
          configHash: config.configHash,
        }
      : null,
    audio: sound
      ? {
          codec: 'aac',
          sampleRateHz: sound.config.sampleRateHz,
          channelCount: sound.config.channelCount,
          start90k: sound.first90k,
        }
      : null,
    problems,
  };
}

const nothing = { duration90k: 0, startsWithKeyframe: false, video: null, audio: null };

/** The first parameter sets in the file: MediaLive repeats them before every IDR. */
function configOf(pictures: readonly AccessUnit[], problems: string[]): VideoConfig | undefined {
  const sps: Uint8Array[] = [];
  const pps: Uint8Array[] = [];
  for (const picture of pictures) {
    forEachNal(picture.data, (nal, type) => {
      if (type === nalType.sps) sps.push(nal);
      else if (type === nalType.pps) pps.push(nal);
    });
    if (sps.length > 0 && pps.length > 0) break;
  }
  if (pictures.length === 0) return undefined;
  try {
    return videoConfig({ lengthBytes: 4, sps, pps });
  } catch (thrown) {
    problems.push(asTouchlineError(thrown).message);
    return undefined;
  }
}

function endOfPictures(pts90k: readonly number[]): number {
  const first = pts90k[0] ?? 0;
  const last = pts90k.at(-1) ?? first;
  return last + (pts90k.length > 1 ? Math.round((last - first) / (pts90k.length - 1)) : singlePicture90k);
}

function soundOf(
  units: readonly AccessUnit[],
): { first90k: number; end90k: number; config: AudioConfig } | undefined {
  const first = units[0];
  const last = units.at(-1);
  let config: AudioConfig | undefined;
  let lastFrameCount = 0;
  if (first) {
    forEachAdtsFrame(first.data, (_, found) => {
      config ??= found;
    });
  }
  if (!first || !last || config?.channelCount === undefined || config.channelCount < 1) return undefined;
  forEachAdtsFrame(last.data, () => {
    lastFrameCount += 1;
  });
  const { sampleRateHz } = config;
  const lastLength90k = Math.round((lastFrameCount * samplesPerFrame * ticksPerSecond) / sampleRateHz);
  return { first90k: first.pts90k, end90k: last.pts90k + lastLength90k, config };
}

const singlePicture90k = ticksPerSecond / 25;
/** As the playlist's: no segment that we ask for comes near to a minute, and a wild time must not move the run by hours. */
const duration90kMax = 60 * ticksPerSecond;
