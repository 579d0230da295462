import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createAnalyst } from '../analytics/analyst.ts';
import { writeMatch } from '../cli/demo/write-match.ts';
import { systemClock } from '../core/clock.ts';
import { runFfmpeg } from '../core/ffmpeg.ts';
import { silentLog } from '../core/log.ts';
import { readTransportStream } from '../core/mpegts.ts';
import type { SegmentRecord } from '../core/segment.ts';
import { cpuMsOf } from './support/cpu-time.ts';
import { segmentOf } from './support/segment-of.ts';

/**
 * `npx tsx bench/analysis.ts [seconds] [rounds]`: what it costs to look at 1080p50 with the whole built-in pack, beside
 * ffmpeg's own full decode and keyframe decode of the same file, in turns, as medians. CPU of everything that works
 * for it: this process, the inference child, every ffmpeg (outside bubblewrap, whose inner processes the kernel
 * accounts to nobody; it costs about 8 ms more per ffmpeg).
 */
const seconds = Number(process.argv[2] ?? 60);
const rounds = Number(process.argv[3] ?? 5);
/** Its ffmpegs stay for minutes in a live run, and end between the rounds here: their starts belong to more than one of them. */
const coarseTimes = 4;
const size = { width: 1920, height: 1080 };

interface Row {
  name: string;
  cpuMsPerSecond: number[];
}

const folder = await mkdtemp(join(tmpdir(), 'touchline-bench-'));
await leaveSandbox();
const analyst = createAnalyst({ modelFolders: [], log: silentLog, clock: systemClock });
try {
  const source = join(folder, 'source.ts');
  process.stderr.write(`making ${seconds} s of 1080p50 ...\n`);
  await makeSource(source);
  const media = await cutIntoSegments(source);
  const bytes = new Uint8Array(await readFile(source));
  process.stderr.write(
    `${media.length} segments, ${((bytes.length * 8) / seconds / 1e6).toFixed(1)} Mb/s, ` +
      `${readTransportStream(bytes).video.length} pictures\n`,
  );
  await analyst.ready();
  let runCount = 0;
  const analyse = async (pass: 'coarse' | 'fine', times = 1): Promise<void> => {
    for (let time = 0; time < times; time += 1) await analyseOnce(pass);
  };
  const analyseOnce = async (pass: 'coarse' | 'fine'): Promise<void> => {
    const runId = `run_${(runCount += 1)}`; // Nothing is remembered of the round before.
    for (const { segment, bytes } of media) {
      await analyst.analyse({
        segment: { ...segment, runId },
        bytes,
        pass,
        sport: 'soccer',
        signal: new AbortController().signal,
      });
    }
  };
  const runs: { row: Row; run: () => Promise<unknown>; times?: number }[] = [
    { row: row('ffmpeg, full decode'), run: async () => await decode(bytes, []) },
    { row: row('ffmpeg, keyframes only'), run: async () => await decode(bytes, ['-skip_frame', 'nokey']) },
    { row: row('ffmpeg, without B-frames'), run: async () => await decode(bytes, ['-skip_frame', 'bidir']) },
    {
      row: row('**touchline, coarse pass, whole pack**'),
      run: async () => await analyse('coarse', coarseTimes),
      times: coarseTimes,
    },
    { row: row('touchline, fine pass'), run: async () => await analyse('fine') },
  ];
  for (let round = 0; round <= rounds; round += 1) {
    for (const { row, run, times = 1 } of runs) {
      const before = await cpuMsOf(process.pid);
      await run();
      const cpuMs = (await cpuMsOf(process.pid)) - before;
      if (round > 0) row.cpuMsPerSecond.push(cpuMs / (seconds * times)); // The first round warms up.
    }
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  print(runs.map(({ row }) => row));
} finally {
  await analyst.close();
  await rm(folder, { recursive: true, force: true });
}

/** A PATH on which there is ffmpeg and what kills it with us, but no bubblewrap. */
async function leaveSandbox(): Promise<void> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const command of ['ffmpeg', 'setpriv']) {
    const path = (process.env['PATH'] ?? '')
      .split(':')
      .map((one) => join(one, command))
      .find(existsSync);
    if (path) await symlink(path, join(bin, command));
  }
  process.env['PATH'] = bin;
}

/** The synthetic match of the demo, blown up to 1080p50 with the noise of a sensor, as a broadcaster would push it. */
async function makeSource(path: string): Promise<void> {
  const match = join(folder, 'match.ts');
  await writeMatch({ path: match, durationMs: seconds * 1000, seed: 1 });
  await runFfmpeg({
    what: 'making the source of the benchmark',
    wallMsMax: 1_800_000,
    workFolder: folder,
    args: [
      ...args(
        `-i ${match} -vf fps=50,scale=1920:1080,noise=alls=6:allf=t -c:v libx264 -preset veryfast -bf 3`,
      ),
      ...args('-g 100 -keyint_min 100 -sc_threshold 0 -b:v 7M -maxrate 8M -bufsize 14M'),
      ...args(`-c:a aac -b:a 128k -f mpegts ${path}`),
    ],
  });
}

/** 4 s each: what our segmenter makes of a keyframe every 2 s. */
async function cutIntoSegments(path: string): Promise<{ segment: SegmentRecord; bytes: Uint8Array }[]> {
  await runFfmpeg({
    what: 'cutting the source of the benchmark',
    wallMsMax: 600_000,
    workFolder: folder,
    args: args(
      `-i ${path} -c copy -f segment -segment_time 4 -segment_format mpegts ${join(folder, 'seg%04d.ts')}`,
    ),
  });
  const names = (await readdir(folder)).filter((name) => name.startsWith('seg')).toSorted();
  let start90k = 0;
  return await Promise.all(
    names.map(async (name, seq) => {
      const bytes = new Uint8Array(await readFile(join(folder, name)));
      const segment = segmentOf(bytes, { ...size, start90k, seq });
      start90k += segment.duration90k;
      return { segment, bytes };
    }),
  );
}

async function decode(bytes: Uint8Array, options: readonly string[]): Promise<void> {
  await runFfmpeg({
    what: 'decoding the source of the benchmark',
    wallMsMax: 600_000,
    input: bytes,
    args: [
      ...args('-threads 1'),
      ...options,
      ...args('-f mpegts -i pipe:0 -map 0:v -fps_mode passthrough -f null -'),
    ],
  });
}

function args(text: string): string[] {
  return text.split(' ');
}

function row(name: string): Row {
  return { name, cpuMsPerSecond: [] };
}

function print(rows: readonly Row[]): void {
  const full = median(rows[0]?.cpuMsPerSecond ?? []);
  const keyframes = median(rows[1]?.cpuMsPerSecond ?? []);
  const lines = rows.map(({ name, cpuMsPerSecond }) => {
    const cpuMs = median(cpuMsPerSecond);
    const cells = [cpuMs, 1000 / cpuMs, full / cpuMs, cpuMs / keyframes].map((value) => value.toFixed(1));
    return `| ${[name, ...cells].join(' | ')} |`;
  });
  const head =
    '| what | CPU ms per s of media | x real time per core | x full decode | CPU / keyframe decode |';
  process.stdout.write(`${[head, '| --- | --- | --- | --- | --- |', ...lines].join('\n')}\n`);
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
}
