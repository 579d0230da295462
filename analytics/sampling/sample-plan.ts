import type { AnalysisPass } from '../../core/jobs.ts';
import { bandRowCount, type PictureRequest } from './picture-request.ts';

/** What one ffmpeg has to give out of one segment. */
export interface SamplePlan {
  args: string[];
  /** In the order of the pipes: pictures and their times for each request, then the sound. */
  outputCount: number;
  /** Size of the pictures of each request. */
  sizes: { width: number; height: number }[];
}

export interface SourcePictures {
  width: number;
  height: number;
  /** Pictures come in another order than they are shown: there are B-frames to leave out. */
  isReordered: boolean;
}

/**
 * One decode for all requests. Pictures are dropped before they are scaled (scaling all of them costs 38 % more), and
 * each request has a second, tiny output in ffmpeg's `framecrc` text that carries the times of its pictures.
 */
export function planSampling(options: {
  pass: AnalysisPass;
  source: SourcePictures | undefined;
  requests: readonly PictureRequest[];
  wantsSound: boolean;
  /** NVDEC decodes. Default false. */
  onGpu?: boolean;
}): SamplePlan {
  const { pass, source, wantsSound, onGpu = false } = options;
  const requests = source ? options.requests : [];
  const outputs: string[][] = [];
  for (const [index] of requests.entries()) {
    outputs.push(pictureOutput(`[pictures${index}]`));
    outputs.push([
      '-map',
      `[times${index}]`,
      '-fps_mode',
      'passthrough',
      '-threads',
      '1',
      '-enc_time_base',
      '1/90000',
      '-f',
      'framecrc',
    ]);
  }
  if (wantsSound) {
    outputs.push(['-map', '0:a:0', '-af', soundFilter, '-ac', '1', '-f', 'f32le']);
  }
  const graph =
    source && requests.length > 0
      ? ['-filter_complex_threads', '1', '-filter_complex', filterGraph(requests, source, onGpu)]
      : [];
  return {
    args: [
      '-copyts',
      '-threads',
      '1',
      ...(onGpu && source ? gpuArgs : []),
      ...decoderArgs(pass, source),
      ...(graph.length === 0 ? ['-vn'] : []),
      // Neither a name nor a content is trusted to say what it is, or to name other files (CVE-2016-1897).
      '-f',
      'mpegts',
      '-protocol_whitelist',
      'pipe',
      '-i',
      'pipe:0',
      ...graph,
      ...outputs.flatMap((output, index) => [...output, index === 0 ? 'pipe:1' : `pipe:${index + 2}`]),
    ],
    outputCount: outputs.length,
    sizes: source ? requests.map((request) => sizeOf(request, source)) : [],
  };
}

/**
 * For an ffmpeg that stays (`standing-ffmpeg.ts`) and is given the keyframes of one segment after the other: every picture
 * comes out of every output at once.
 */
export function planKeyframes(source: SourcePictures, requests: readonly PictureRequest[]): SamplePlan {
  const names = requests.map((_, index) => `[in${index}]`).join('');
  const chains = requests.map(
    (request, index) => `[in${index}]${viewFilter(request, source, index)},format=rgb24[pictures${index}]`,
  );
  const graph = [`[0:v:0]split=${requests.length}${names}`, ...chains].join(';');
  return {
    args: [
      ...standingInput('h264'),
      '-filter_complex_threads',
      '1',
      '-filter_complex',
      graph,
      ...requests.flatMap((_, index) => [
        ...pictureOutput(`[pictures${index}]`),
        '-flush_packets',
        '1',
        index === 0 ? 'pipe:1' : `pipe:${index + 2}`,
      ]),
    ],
    outputCount: requests.length,
    sizes: requests.map((request) => sizeOf(request, source)),
  };
}

/** Samples that come out together. */
export const soundBlockSamples = 2048;

/**
 * As `planKeyframes`, for sound: an output for each of so many segments, because each is a track with a decoder of its own
 * (`sound-container.ts`).
 */
export function planSound(segmentCount: number): SamplePlan {
  const written =
    `-af ${soundFilter},asetnsamples=n=${soundBlockSamples}:p=0 -ac 1 -f f32le -flush_packets 1`.split(' ');
  const outputs = Array.from({ length: segmentCount }, (_, track) => [
    '-map',
    `0:a:${track}`,
    ...written,
    track === 0 ? 'pipe:1' : `pipe:${track + 2}`,
  ]);
  return {
    args: ['-copyts', ...standingInput('matroska'), ...outputs.flat()],
    outputCount: segmentCount,
    sizes: [],
  };
}

/** async=1 fills holes with silence, so that sample n stays at its time. */
const soundFilter = 'aresample=16000:async=1';

/** It begins with the first packet instead of looking ahead, and ends at the first thing that it cannot decode. */
function standingInput(format: 'h264' | 'matroska'): string[] {
  const strict = '-threads 1 -xerror -err_detect explode';
  const atOnce = '-probesize 32 -analyzeduration 0 -fpsprobesize 0';
  return `${strict} ${atOnce} -f ${format} -protocol_whitelist pipe -i pipe:0`.split(' ');
}

/** ffmpeg encodes raw pictures in threads of their own unless told otherwise, and holds one back for each. */
function pictureOutput(name: string): string[] {
  return ['-map', name, '-fps_mode', 'passthrough', '-threads', '1', '-f', 'rawvideo'];
}

/** Keyframes cost 5 % of a full decode, leaving out B-frames 36 %; without B-frames there is nothing to leave out. */
function decoderArgs(pass: AnalysisPass, source: SourcePictures | undefined): string[] {
  if (!source) return [];
  if (pass === 'coarse') return ['-skip_frame', 'nokey'];
  return source.isReordered ? ['-skip_frame', 'bidir'] : [];
}

/** With pictures asked for in its memory, ffmpeg cannot fall back to the CPU without a word (`core/ffmpeg-hardware.ts`). */
const gpuArgs = ['-hwaccel', 'cuda', '-hwaccel_output_format', 'cuda'];
const fromGpu = 'hwdownload,format=nv12,';

function filterGraph(requests: readonly PictureRequest[], source: SourcePictures, onGpu: boolean): string {
  const inputs = requests.map((_, index) => `[in${index}]`).join('');
  const chains = requests.map((request, index) => {
    // 5 ms of tolerance: publishers round times to whole ms.
    const periodS = 1 / request.perSecondMax - 0.005;
    const pick = `select='isnan(prev_selected_t)+gte(t-prev_selected_t,${periodS.toFixed(4)})'`;
    return (
      `[in${index}]${pick},split=2[full${index}][tick${index}];` +
      `[full${index}]${viewFilter(request, source, index)},format=rgb24[pictures${index}];` +
      `[tick${index}]crop=2:2:0:0[times${index}]`
    );
  });
  return [`[0:v:0]${onGpu ? fromGpu : ''}split=${requests.length}${inputs}`, ...chains].join(';');
}

function viewFilter({ view }: PictureRequest, source: SourcePictures, index: number): string {
  switch (view.kind) {
    case 'stretch':
      return `scale=${view.width}:${view.height}:flags=area`;
    case 'letterbox': {
      const grey = view.pad.toString(16).padStart(2, '0');
      return (
        `scale=${view.width}:${view.height}:flags=area:force_original_aspect_ratio=decrease,` +
        `pad=${view.width}:${view.height}:0:0:color=0x${grey}${grey}${grey}`
      );
    }
    case 'centre':
      return (
        `scale=${view.width}:${view.height}:flags=area:force_original_aspect_ratio=increase,` +
        `crop=${view.width}:${view.height}`
      );
    case 'bands': {
      const rows = bandRowCount(view.share, source.height);
      // `scale` does nothing unless the size changes in mid-stream; then the bands keep the size that was announced.
      return (
        `scale=${source.width}:${source.height},split=2[up${index}][down${index}];` +
        `[up${index}]crop=iw:${rows}:0:0[top${index}];` +
        `[down${index}]crop=iw:${rows}:0:ih-${rows}[bottom${index}];` +
        `[top${index}][bottom${index}]vstack`
      );
    }
  }
}

function sizeOf({ view }: PictureRequest, source: SourcePictures): { width: number; height: number } {
  if (view.kind !== 'bands') return { width: view.width, height: view.height };
  return { width: source.width, height: 2 * bandRowCount(view.share, source.height) };
}
