import ffmpeg from 'fluent-ffmpeg';

/**
 * Every ffmpeg command line of the clipper. fluent-ffmpeg puts the arguments in order; it never runs anything:
 * `core/ffmpeg.ts` does that, with sandbox, limits and an end that is tied to ours.
 */

export interface TickRange {
  /** Inclusive, in the time base of the input. */
  from: number;
  to: number;
}

export interface EncodeOptions {
  /** Pictures to encode, by time in the input; the others are decoded and dropped. */
  ranges: readonly TickRange[];
  /** Added to every time, so that no decode time is below 0. */
  shiftSeconds: number;
  /** Each picture lies on a whole multiple of this. */
  timeBase: { num: number; den: number };
  filters: readonly string[];
  x264: X264Settings;
  /** A new closed group of pictures starts at the first picture after each of these times (shift included). */
  keyframesAtSeconds: readonly number[];
  /** Otherwise the input is read from this file in the work folder. */
  file?: string;
}

export interface X264Settings {
  preset: 'veryfast' | 'superfast' | 'ultrafast' | 'medium';
  crf: number;
  profile: 'baseline' | 'main' | 'high';
  bFrames: number;
  /** Undefined: only where asked for. */
  gopFrames: number | undefined;
  /** Id of both parameter sets. */
  parameterSetId: number;
}

/** `nvenc` has no say in the ids of its parameter sets: only for what is encoded as a whole. */
export type Encoder = 'x264' | 'nvenc';

/** MP4 in, MPEG-TS out: of the formats that go through a pipe it is the one that we can take apart already. */
export function encodePictures(options: EncodeOptions, encoder: Encoder = 'x264'): string[] {
  const { x264 } = options;
  const ranges = options.ranges.map((range) => `between(pts\\,${range.from}\\,${range.to})`);
  const select = ranges.length > 0 ? [`select=${ranges.join('+')}`] : [];
  return argumentsOf(
    ffmpeg()
      .input(options.file === undefined ? 'pipe:0' : `file:${options.file}`)
      .inputOptions('-protocol_whitelist', options.file === undefined ? 'pipe' : 'file', '-f', 'mov')
      .output('pipe:1')
      .noAudio()
      .videoCodec(encoder === 'nvenc' ? 'h264_nvenc' : 'libx264')
      .videoFilters([...select, ...options.filters, `setpts=PTS+${options.shiftSeconds}/TB`])
      .outputOptions(
        '-map',
        '0:v:0',
        '-fps_mode',
        'passthrough',
        '-enc_time_base',
        `${options.timeBase.num}:${options.timeBase.den}`,
        ...(encoder === 'nvenc' ? nvencArgs(x264) : x264Args(x264)),
        '-profile:v',
        x264.profile,
        '-pix_fmt',
        'yuv420p',
        '-bf',
        String(x264.bFrames),
        '-forced-idr',
        '1',
        ...(options.keyframesAtSeconds.length > 0
          ? ['-force_key_frames', options.keyframesAtSeconds.map((at) => at.toFixed(6)).join(',')]
          : []),
        '-f',
        'mpegts',
        '-mpegts_copyts',
        '1',
        '-muxdelay',
        '0',
        '-muxpreload',
        '0',
      ),
  );
}

function x264Args(x264: X264Settings): string[] {
  const params = [
    `sps-id=${x264.parameterSetId}`,
    'repeat-headers=1',
    ...(x264.gopFrames === undefined ? ['keyint=infinite', 'scenecut=0'] : [`keyint=${x264.gopFrames}`]),
  ];
  return ['-preset', x264.preset, '-crf', String(x264.crf), '-x264-params', params.join(':')];
}

/** p4 is NVENC's middle preset; its constant quality has the scale of x264's crf and is a little more generous. */
function nvencArgs({ crf, gopFrames }: X264Settings): string[] {
  const gop = gopFrames === undefined ? [] : ['-g', String(gopFrames)];
  return ['-preset', 'p4', '-rc', 'vbr', '-cq', String(crf), '-b:v', '0', ...gop];
}

/** Small grey pictures: of the source (MP4 on stdin) on `pipe:1`, of the finished file on `pipe:3`. */
export function fingerprintPictures(options: {
  source: TickRange;
  /** What was done to the pictures on their way into the file. */
  sourceFilters: readonly string[];
  file: string;
  fileSeekSeconds: number;
  fileRange: TickRange;
  /** How many pictures lie in that range: ffmpeg stops behind them instead of reading on to the end. */
  fileCount: number;
  width: number;
  height: number;
}): string[] {
  const small = (range: TickRange, filters: readonly string[]): string[] => [
    `select=between(pts\\,${range.from}\\,${range.to})`,
    ...filters,
    `scale=${options.width}:${options.height}:flags=area`,
    'format=gray',
  ];
  return argumentsOf(
    ffmpeg()
      .input('pipe:0')
      .inputOptions('-protocol_whitelist', 'pipe', '-f', 'mov')
      .input(`file:${options.file}`)
      .inputOptions(
        '-protocol_whitelist',
        'file',
        '-f',
        'mov',
        '-noaccurate_seek',
        '-ss',
        options.fileSeekSeconds.toFixed(6),
      )
      .outputOptions('-copyts')
      .output('pipe:1')
      .videoFilters(small(options.source, options.sourceFilters))
      .outputOptions('-map', '0:v:0', '-fps_mode', 'passthrough', '-frames:v', '1', '-f', 'rawvideo')
      .output('pipe:3')
      .videoFilters(small(options.fileRange, []))
      .outputOptions(
        '-map',
        '1:v:0',
        '-fps_mode',
        'passthrough',
        '-frames:v',
        String(options.fileCount),
        '-f',
        'rawvideo',
      ),
  );
}

/** The first picture of an MP4 on stdin as a JPEG on `pipe:1`. */
export function stillPicture(options: { width: number }): string[] {
  return argumentsOf(
    ffmpeg()
      .input('pipe:0')
      .inputOptions('-protocol_whitelist', 'pipe', '-f', 'mov', '-threads', '1')
      .output('pipe:1')
      .videoFilters(jpegOf(options.width))
      .outputOptions('-map', '0:v:0', '-frames:v', '1', '-c:v', 'mjpeg', '-q:v', '3', '-f', 'image2pipe'),
  );
}

function jpegOf(width: number): string[] {
  return [`scale=${width}:-2:flags=bicubic`, 'format=yuvj420p'];
}

/** Candidates for the thumbnail: JPEGs on `pipe:1`, the same pictures small and grey on `pipe:3`. */
export function thumbnailCandidates(options: {
  file: string;
  seekSeconds: number;
  durationSeconds: number;
  count: number;
  width: number;
  grey: { width: number; height: number };
}): string[] {
  const rate = `fps=${options.count}/${options.durationSeconds}`;
  return argumentsOf(
    ffmpeg()
      .input(`file:${options.file}`)
      .inputOptions(
        '-protocol_whitelist',
        'file',
        '-f',
        'mov',
        // What nothing refers to is coded worst and costs a third of the time.
        '-skip_frame',
        'noref',
        '-ss',
        options.seekSeconds.toFixed(6),
        '-t',
        options.durationSeconds.toFixed(6),
      )
      .output('pipe:1')
      .videoFilters([rate, ...jpegOf(options.width)])
      .outputOptions('-map', '0:v:0', '-c:v', 'mjpeg', '-q:v', '3', '-f', 'image2pipe')
      .output('pipe:3')
      .videoFilters([rate, `scale=${options.grey.width}:${options.grey.height}:flags=area`, 'format=gray'])
      .outputOptions('-map', '0:v:0', '-f', 'rawvideo'),
  );
}

/** ADTS on stdin, interleaved 32-bit floats on `pipe:1`. */
export function decodeSound(format: { sampleRateHz: number; channelCount: number }): string[] {
  return argumentsOf(
    ffmpeg()
      .input('pipe:0')
      .inputOptions('-protocol_whitelist', 'pipe', '-f', 'aac')
      .output('pipe:1')
      .audioFrequency(format.sampleRateHz)
      .audioChannels(format.channelCount)
      .outputOptions('-f', 'f32le'),
  );
}

/** Interleaved floats on stdin, ADTS on `pipe:1`; the first 1024 samples that it decodes to are priming. */
export function encodeSound(format: {
  sampleRateHz: number;
  channelCount: number;
  filters: readonly string[];
  bitsPerSecond: number;
}): string[] {
  return argumentsOf(
    floatsIn(format)
      .output('pipe:1')
      .audioCodec('aac')
      .audioFilters([...format.filters])
      .outputOptions('-ar', String(format.sampleRateHz), '-b:a', String(format.bitsPerSecond), '-f', 'adts'),
  );
}

/** Interleaved floats on stdin, lines of `lavfi.r128.*` on `pipe:1`: the last ones are of the whole. */
export function measureLoudness(format: {
  sampleRateHz: number;
  channelCount: number;
  filters: readonly string[];
}): string[] {
  return argumentsOf(
    floatsIn(format)
      .output('-')
      .audioFilters([...format.filters, 'ebur128=metadata=1:peak=true', 'ametadata=mode=print:file=-'])
      .outputOptions('-f', 'null'),
  );
}

function floatsIn(format: { sampleRateHz: number; channelCount: number }): ffmpeg.FfmpegCommand {
  return ffmpeg()
    .input('pipe:0')
    .inputOptions(
      '-protocol_whitelist',
      'pipe',
      '-f',
      'f32le',
      '-ar',
      String(format.sampleRateHz),
      '-ac',
      String(format.channelCount),
    );
}

/** fluent-ffmpeg keeps this method to itself; it is what its own `run` calls (lib/processor.js). */
function argumentsOf(command: ffmpeg.FfmpegCommand): string[] {
  return (command as unknown as { _getArguments(): string[] })._getArguments();
}
