import { asTouchlineError } from './errors.ts';
import { runFfmpeg } from './ffmpeg.ts';
import { probe } from './process.ts';

/** Whether ffmpeg can use a part of the GPU here, and why not. */
export interface HardwareFinding {
  isUsable: boolean;
  why: string;
}

/** A dozen small pictures take milliseconds; the first touch of a driver may take seconds. */
const probeMsMax = 20_000;
const testPictures = ['-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=25', '-frames:v', '12'];

/** How ffmpeg is asked; handed in so that a machine without a GPU can be told of one that has it. */
export interface FfmpegProbe {
  /** What `ffmpeg -encoders`, `-hwaccels` print. */
  list(what: '-encoders' | '-hwaccels'): string;
  /** Runs it as all our work runs, in the same sandbox: what works outside is of no use. */
  run(args: readonly string[], input?: Uint8Array): Promise<Buffer>;
}

/**
 * NVENC counts only when ffmpeg lists it **and** encodes with it: Debian's ffmpeg lists it on every machine, and says
 * "Cannot load libcuda.so.1" on those without the driver.
 */
export async function findNvenc(ffmpeg: FfmpegProbe = thisFfmpeg): Promise<HardwareFinding> {
  if (!/^ \S+ h264_nvenc /m.test(ffmpeg.list('-encoders'))) return no('ffmpeg was built without h264_nvenc');
  return await tried(async () => {
    const args = [...testPictures, '-c:v', 'h264_nvenc', '-f', 'h264', 'pipe:1'];
    return (await ffmpeg.run(args)).length > 0 ? undefined : 'a test encode gave no bytes';
  });
}

/**
 * The same for decoding. ffmpeg falls back to its own decoder without a word when the GPU refuses; asked for pictures in
 * the GPU's memory it cannot.
 */
export async function findNvdec(ffmpeg: FfmpegProbe = thisFfmpeg): Promise<HardwareFinding> {
  if (!/^cuda$/m.test(ffmpeg.list('-hwaccels'))) return no('ffmpeg was built without the hwaccel cuda');
  return await tried(async () => {
    const coded = await ffmpeg.run([...testPictures, '-c:v', 'libx264', '-f', 'h264', 'pipe:1']);
    const decode = ['-hwaccel', 'cuda', '-hwaccel_output_format', 'cuda', '-f', 'h264', '-i', 'pipe:0'];
    const args = [...decode, '-vf', 'hwdownload,format=nv12', '-f', 'rawvideo', 'pipe:1'];
    const pictures = await ffmpeg.run(args, coded);
    return pictures.length === 12 * nv12Bytes ? undefined : `a test decode gave ${pictures.length} bytes`;
  });
}

const nv12Bytes = (320 * 240 * 3) / 2;

const thisFfmpeg: FfmpegProbe = {
  list: (what) => probe('ffmpeg', ['-hide_banner', what]).stdout,
  run: async (args, input) => {
    const job = { args, what: 'trying the GPU', wallMsMax: probeMsMax, ...(input ? { input } : {}) };
    const [output] = await runFfmpeg(job);
    return output ?? Buffer.alloc(0);
  },
};

async function tried(run: () => Promise<string | undefined>): Promise<HardwareFinding> {
  try {
    const problem = await run();
    return problem === undefined ? { isUsable: true, why: 'a test went through' } : no(problem);
  } catch (thrown) {
    const error = asTouchlineError(thrown);
    const said = Array.isArray(error.cause)
      ? error.cause.find((line) => /cannot load|cuda|nvenc/i.test(String(line)))
      : undefined;
    // `[h264_nvenc @ 0x55d0] ` in front says nothing to anybody.
    return no(said === undefined ? error.message : String(said).replace(/^\[[^\]]*\] /, ''));
  }
}

function no(why: string): HardwareFinding {
  return { isUsable: false, why };
}
