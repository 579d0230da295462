import { ticksPerSecond, type FrameRate } from '../core/media-time.ts';
import type { Preset } from '../core/clip.ts';
import { asTouchlineError } from '../core/errors.ts';
import { wrapAdts } from './adts.ts';
import {
  decodeSound,
  encodePictures,
  type EncodeOptions,
  type Encoder,
  stillPicture,
  thumbnailCandidates,
  type X264Settings,
} from './commands.ts';
import { writeMp4, type SoundTrack } from './mp4-writer.ts';
import { readEncoded } from './picture-encoder.ts';
import type { RunFfmpeg } from './run-ffmpeg.ts';

/** One finished file. */
export interface MadeFile {
  preset: Preset;
  extension: 'mp4' | 'jpg' | 'json';
  contentType: string;
  body: Uint8Array<ArrayBuffer>;
  durationMs: number;
  width: number;
  height: number;
  /** What was done to each picture of the wide clip, where this holds all of them; the proof does the same. */
  filters?: readonly string[];
  /** For the sidecar: what was not as usual. */
  note?: string;
}

/** Middle of the crop, 0 (left) to 1 (right) of the room that there is. */
export interface Crop {
  vertical: number;
  square: number;
}

export interface EncodeTools {
  run: RunFfmpeg;
  /** For what is encoded as a whole. */
  encoder: Encoder;
}

/** The finished wide clip, from which the others are made. */
export interface WideClip {
  /** In the work folder. */
  file: string;
  timescale: number;
  /** In the order of display. */
  times: readonly number[];
  duration: number;
  frameDuration: number | undefined;
  frameRate: FrameRate | undefined;
  width: number;
  height: number;
  sound: SoundTrack | undefined;
  peakSeconds: number;
}

/** Makes one rendition; undefined when the clip has nothing for it (a waveform without sound). */
export async function makeRendition(
  preset: Exclude<Preset, 'wide'>,
  wide: WideClip,
  tools: EncodeTools & { crop: Crop },
): Promise<MadeFile | undefined> {
  switch (preset) {
    case 'vertical':
      return await encodeShape(preset, wide, verticalShape(tools.crop.vertical), tools);
    case 'square':
      return await encodeShape(preset, wide, squareShape(tools.crop.square), tools);
    case 'proxy':
      return await encodeShape(preset, wide, proxyShape(wide), tools);
    case 'thumbnail':
      return await makeThumbnail(wide, tools.run);
    case 'waveform':
      return await makeWaveform(wide, tools.run);
  }
}

interface Shape {
  filters: string[];
  width: number;
  height: number;
  x264: Pick<X264Settings, 'preset' | 'crf' | 'profile' | 'bFrames'>;
  gopSeconds: number;
}

const narrowX264 = { preset: 'veryfast', crf: 20, profile: 'high', bFrames: 3 } as const;

/** A window of 9:16. Odd widths cannot be encoded in 4:2:0, hence the even crop. */
function verticalShape(cropX: number): Shape {
  return narrowShape({ num: 9, den: 16, width: 1080, height: 1920, cropX });
}

function squareShape(cropX: number): Shape {
  return narrowShape({ num: 1, den: 1, width: 1080, height: 1080, cropX });
}

function narrowShape(shape: {
  num: number;
  den: number;
  width: number;
  height: number;
  cropX: number;
}): Shape {
  const { num, den, width, height, cropX } = shape;
  const cropWidth = `trunc(min(iw\\,ih*${num}/${den}/sar)/2)*2`;
  const cropHeight = `trunc(min(ih\\,iw*sar*${den}/${num})/2)*2`;
  return {
    filters: [
      `crop=${cropWidth}:${cropHeight}:(iw-ow)*${cropX}:(ih-oh)/2`,
      `scale=${width}:${height}:flags=bicubic`,
      'setsar=1',
    ],
    width,
    height,
    x264: narrowX264,
    gopSeconds: 2,
  };
}

/** For scrubbing: a keyframe each second, 360 lines, plays on anything. */
function proxyShape(wide: WideClip): Shape {
  const width = Math.max(2, Math.round((wide.width * 360) / wide.height / 2) * 2);
  return {
    filters: [`scale=${width}:360:flags=bicubic`, 'setsar=1'],
    width,
    height: 360,
    x264: { preset: 'veryfast', crf: 26, profile: 'main', bFrames: 0 },
    gopSeconds: 1,
  };
}

async function encodeShape(
  preset: 'vertical' | 'square' | 'proxy',
  wide: WideClip,
  shape: Shape,
  { run, encoder }: EncodeTools,
): Promise<MadeFile> {
  const { frameRate, timescale } = wide;
  const shiftSeconds = 10;
  const fps = frameRate ? frameRate.num / frameRate.den : 25;
  const options: EncodeOptions = {
    file: wide.file,
    ranges: [],
    shiftSeconds,
    timeBase:
      wide.frameDuration === undefined
        ? { num: 1, den: ticksPerSecond }
        : { num: wide.frameDuration, den: timescale },
    filters: shape.filters,
    x264: { ...shape.x264, gopFrames: Math.max(1, Math.round(fps * shape.gopSeconds)), parameterSetId: 0 },
    keyframesAtSeconds: [],
  };
  const encode = async (by: Encoder): Promise<Buffer> => {
    const [output] = await run(`making the ${preset} rendition`, { args: encodePictures(options, by) });
    return output ?? Buffer.alloc(0);
  };
  let note: string | undefined;
  const output = await encode(encoder).catch(async (thrown: unknown) => {
    const error = asTouchlineError(thrown);
    // All sessions of the GPU may be taken, or its driver gone: slower is better than not at all, and is said.
    if (encoder !== 'nvenc' || error.code !== 'ffmpeg.failed') throw thrown;
    note = `${preset} was encoded by x264: ${error.message}`;
    return await encode('x264');
  });
  const encoded = readEncoded(output);
  const inTime = encoded.pictures.toSorted((a, b) => a.pts90k - b.pts90k);
  // Each encoded picture takes the time of the one that it was made from; there are as many, in the same order.
  const at = new Map(inTime.map((picture, nth) => [picture, wide.times[nth] ?? 0]));
  const body = writeMp4(
    {
      timescale,
      duration: wide.duration,
      sps: encoded.sps,
      pps: encoded.pps,
      samples: encoded.pictures.map((picture) => ({
        at: at.get(picture) ?? 0,
        isIdr: picture.isIdr,
        nals: picture.nals,
      })),
    },
    wide.sound,
  );
  return {
    preset,
    extension: 'mp4',
    contentType: 'video/mp4',
    body,
    durationMs: Math.round((wide.duration * 1000) / timescale),
    width: shape.width,
    height: shape.height,
    filters: shape.filters,
    ...(note === undefined ? {} : { note }),
  };
}

/** Half a second on each side of the peak, eight pictures: the sharpest is one that the camera held still for. */
const thumbnailWindowSeconds = 1;
const thumbnailCandidateCount = 8;
const thumbnailWidthMax = 1280;
const grey = { width: 320, height: 180 };

async function makeThumbnail(wide: WideClip, run: RunFfmpeg): Promise<MadeFile> {
  const durationSeconds = Math.min(thumbnailWindowSeconds, wide.duration / wide.timescale);
  const latest = Math.max(0, wide.duration / wide.timescale - durationSeconds);
  const { width } = thumbnailSize(wide);
  const [jpegs = Buffer.alloc(0), greys = Buffer.alloc(0)] = await run('making the thumbnail', {
    args: thumbnailCandidates({
      file: wide.file,
      seekSeconds: Math.min(latest, Math.max(0, wide.peakSeconds - durationSeconds / 2)),
      durationSeconds,
      count: thumbnailCandidateCount,
      width,
      grey,
    }),
    extraOutputs: 1,
  });
  const candidates = splitJpegs(jpegs);
  const bytes = grey.width * grey.height;
  const sharpness = candidates.map((_, nth) => sharpnessOf(greys.subarray(nth * bytes, (nth + 1) * bytes)));
  const best = sharpness.indexOf(Math.max(...sharpness));
  return thumbnailOf(wide, candidates[best]);
}

/**
 * A thumbnail for a clip that has no time for the best one: a picture that decodes by itself, so that one is all there is
 * to decode.
 *
 * @param mp4 begins with that picture
 */
export async function makeStill(
  mp4: Uint8Array,
  wide: Pick<WideClip, 'width' | 'height'>,
  run: RunFfmpeg,
): Promise<MadeFile> {
  const { width } = thumbnailSize(wide);
  const [jpeg] = await run('making the first thumbnail', { args: stillPicture({ width }), input: mp4 });
  return thumbnailOf(wide, jpeg);
}

function thumbnailOf(wide: Pick<WideClip, 'width' | 'height'>, jpeg: Buffer | undefined): MadeFile {
  return {
    preset: 'thumbnail',
    extension: 'jpg',
    contentType: 'image/jpeg',
    body: new Uint8Array(jpeg ?? new Uint8Array()),
    durationMs: 0,
    ...thumbnailSize(wide),
  };
}

function thumbnailSize(wide: Pick<WideClip, 'width' | 'height'>): { width: number; height: number } {
  const width = Math.min(thumbnailWidthMax, Math.floor(wide.width / 2) * 2);
  return { width, height: Math.round((width * wide.height) / wide.width / 2) * 2 };
}

/** A stream of baseline JPEGs: each goes from SOI to EOI, which cannot occur inside (entropy-coded 0xff is stuffed). */
function splitJpegs(bytes: Buffer): Buffer[] {
  const jpegs: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(Buffer.from([0xff, 0xd9]), from);
    if (end < 0) break;
    jpegs.push(bytes.subarray(from, end + 2));
    from = end + 2;
  }
  return jpegs;
}

/** Variance of the Laplacian: blur takes it away. Exported for its test. */
export function sharpnessOf(picture: Uint8Array): number {
  const { width, height } = grey;
  const at = (x: number, y: number): number => picture[y * width + x] ?? 0;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const value = 4 * at(x, y) - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1);
      sum += value;
      squares += value * value;
    }
  }
  const count = (width - 2) * (height - 2);
  return squares / count - (sum / count) ** 2;
}

const waveformRateHz = 8000;
const samplesPerPeak = 80; // 10 ms: one pixel at 100 pixels a second

/** Peaks in the JSON form of BBC audiowaveform, version 2, which the waveform viewers read: 8-bit [min, max] pairs. */
async function makeWaveform(wide: WideClip, run: RunFfmpeg): Promise<MadeFile | undefined> {
  const { sound } = wide;
  if (!sound) return undefined;
  const input = Buffer.concat(sound.frames.map((frame) => wrapAdts(frame, sound.config)));
  const [output = Buffer.alloc(0)] = await run('making the waveform', {
    args: decodeSound({ sampleRateHz: waveformRateHz, channelCount: 1 }),
    input,
  });
  const toWave = waveformRateHz / sound.config.sampleRateHz;
  const samples = new Float32Array(new Uint8Array(output).buffer, 0, Math.floor(output.length / 4)).subarray(
    Math.round(sound.skipSamples * toWave),
    Math.round((sound.skipSamples + sound.playSamples) * toWave),
  );
  const data: number[] = [];
  for (let from = 0; from < samples.length; from += samplesPerPeak) {
    const part = samples.subarray(from, from + samplesPerPeak);
    data.push(to8Bit(part.reduce((a, b) => Math.min(a, b))), to8Bit(part.reduce((a, b) => Math.max(a, b))));
  }
  const waveform = {
    version: 2,
    channels: 1,
    sample_rate: waveformRateHz,
    samples_per_pixel: samplesPerPeak,
    bits: 8,
    length: data.length / 2,
    data,
  };
  return {
    preset: 'waveform',
    extension: 'json',
    contentType: 'application/json',
    body: new TextEncoder().encode(JSON.stringify(waveform)),
    durationMs: Math.round((samples.length * 1000) / waveformRateHz),
    width: 0,
    height: 0,
  };
}

function to8Bit(sample: number): number {
  return Math.max(-128, Math.min(127, Math.round(sample * 127)));
}
