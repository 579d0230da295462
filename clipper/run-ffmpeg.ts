import { runFfmpeg, type FfmpegJob } from '../core/ffmpeg.ts';

/** Runs one command of a clip: what it is for goes into the error message. */
export type RunFfmpeg = (
  what: string,
  command: Pick<FfmpegJob, 'args' | 'input' | 'extraOutputs'>,
) => Promise<Buffer[]>;

/**
 * The longest clip (200 segments of 6 s) takes about 15 minutes to encode on one slow core; twice that is a hang.
 */
const wallMsMax = 30 * 60 * 1000;

/** ffmpeg for one clip, in its work folder, ended by its signal. */
export function ffmpegFor(clip: {
  clipId: string;
  workFolder: string;
  signal: AbortSignal;
  isBackground?: boolean;
}): RunFfmpeg {
  const isBackground = clip.isBackground ?? false;
  return (what, command) =>
    runFfmpeg({
      ...command,
      isBackground,
      what: `${what} of clip ${clip.clipId}`,
      wallMsMax,
      workFolder: clip.workFolder,
      signal: clip.signal,
    });
}
