/**
 * `npx tsx bench/cut.ts [--battery-only | --speed-only]`
 *
 * What an exact cut costs beside a full re-encode with the same encoder settings and beside a stream copy (12 s of
 * 1080p50, GOP 2 s, real footage where there is any), and whether 100 cuts at four frame rates are right to the frame.
 * CPU seconds are of this process and all its children, from the kernel; each row is a median of interleaved rounds.
 * ffmpeg runs without its sandbox here: bubblewrap does not wait for what it starts, so the kernel would not count it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { clipFolderOnDisk, drawCuts, numbersBetween } from '../test/support/clips.ts';
import {
  decodeErrors,
  describeSegments,
  makeSegments,
  readNumbers,
  readSound,
  soundDelayMs,
  type TestSegments,
} from '../test/support/segments.ts';

const clipSeconds = 12;
const gopSeconds = 2;
/** How far behind a keyframe each round starts: heads of nearly none to nearly a whole group of pictures. */
const startsInGop = [0.1, 0.3, 0.5, 0.7, 0.9];

const footage = new URL('../../shared/footage/video/soccer_dfl_bundesliga_tactical.mp4', import.meta.url)
  .pathname;

async function benchSpeed(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-bench-'));
  const path = process.env['PATH'];
  const clips = clipFolderOnDisk();
  try {
    hideSandbox(folder);
    const { segments, joined } = make1080p50(folder);
    const rows = new Map<string, { cpu: number; wall: number }[]>();
    for (const [round, start] of startsInGop.entries()) {
      const inSeconds = 4 + start * gopSeconds;
      const outSeconds = inSeconds + clipSeconds;
      const covering = cover(segments, inSeconds, outSeconds);
      const copied = join(folder, 'copied.mp4');
      const ways: Record<string, () => Promise<void>> = {
        'full re-encode (ffmpeg, x264 veryfast crf 18)': () =>
          ffmpeg(
            '-i',
            joined,
            '-ss',
            String(inSeconds),
            '-t',
            String(clipSeconds),
            '-c:v',
            'libx264',
            '-preset',
            'veryfast',
            '-crf',
            '18',
            '-c:a',
            'copy',
            '-y',
            copied,
          ),
        'exact cut (smart cut, proof, sidecar)': async () => {
          const { sidecar } = await clips.cut(covering, { inSeconds, outSeconds });
          if (sidecar.made !== 'smart' || !sidecar.proven)
            throw new Error(`made ${sidecar.made}: ${sidecar.notes.join()}`);
        },
        'fast revision (copy, proof, sidecar)': async () => {
          await clips.cut(covering, { inSeconds, outSeconds, revision: 'fast' });
        },
        'stream copy (ffmpeg)': () =>
          ffmpeg(
            '-ss',
            String(inSeconds),
            '-i',
            joined,
            '-t',
            String(clipSeconds),
            '-c',
            'copy',
            '-y',
            copied,
          ),
      };
      for (const [name, way] of Object.entries(ways)) {
        const cpu = cpuSeconds();
        const wall = performance.now();
        await way();
        const spent = { cpu: cpuSeconds() - cpu, wall: (performance.now() - wall) / 1000 };
        rows.set(name, [...(rows.get(name) ?? []), spent]);
        process.stderr.write(`round ${round + 1}: ${name}: ${spent.cpu.toFixed(2)} s CPU\n`);
      }
    }
    printSpeed(rows);
  } finally {
    process.env['PATH'] = path;
    clips.remove();
    rmSync(folder, { recursive: true });
  }
}

function printSpeed(rows: ReadonlyMap<string, { cpu: number; wall: number }[]>): void {
  const [full = []] = rows.values();
  const lines = [...rows].map(([name, spent]) => {
    const ratios = spent.map((one, round) => one.cpu / (full[round]?.cpu ?? Number.NaN));
    const walls = spent.map((one, round) => one.wall / (full[round]?.wall ?? Number.NaN));
    return (
      `| ${name} | ${median(spent.map((one) => one.cpu)).toFixed(2)} | ${median(ratios).toFixed(3)} ` +
      `(${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}) ` +
      `| ${median(spent.map((one) => one.wall)).toFixed(2)} | ${median(walls).toFixed(3)} |`
    );
  });
  const source = existsSync(footage) ? 'real footage' : 'synthetic picture';
  process.stdout.write(
    `\n${clipSeconds} s of 1080p50, GOP ${gopSeconds} s, ${source}; medians of ${startsInGop.length} interleaved rounds\n\n` +
      '| way | CPU s | CPU beside the re-encode | wall s | wall beside the re-encode |\n' +
      `| --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`,
  );
}

async function benchBattery(): Promise<void> {
  const clips = clipFolderOnDisk();
  const lines: string[] = [];
  try {
    for (const [name, fps] of [
      ['25', 25],
      ['30000/1001', 30_000 / 1001],
      ['50', 50],
      ['60000/1001', 60_000 / 1001],
    ] as const) {
      const segments = makeSegments({
        fps: name,
        seconds: 20,
        gopFrames: Math.round(fps * gopSeconds),
        sound: { startsAtSeconds: 0 },
      });
      const count = { right: 0, frames: 0, missing: 0, extra: 0, errors: 0, smart: 0, proven: 0 };
      let worstMs = 0;
      const drawn = drawCuts(25, { seed: Math.round(fps * 1000), startSecondsMax: 8, secondsMax: 11 });
      for (const { inSeconds, outSeconds } of drawn) {
        const done = await clips.cut(cover(segments, inSeconds, outSeconds), {
          inSeconds,
          outSeconds,
        });
        const numbers = readNumbers(done.pathOf('wide'));
        const wanted = numbersBetween(fps, inSeconds, outSeconds);
        const delays = [0.03, (outSeconds - inSeconds) / 2, outSeconds - inSeconds - 0.15].map((at) =>
          Math.abs(soundDelayMs(readSound(done.pathOf('wide')), (wanted[0] ?? 0) / fps, at)),
        );
        worstMs = Math.max(worstMs, ...delays);
        const isRight =
          numbers.length === wanted.length && numbers.every((number, at) => number === wanted[at]);
        count.right += isRight ? 1 : 0;
        count.frames += wanted.length;
        count.missing += wanted.filter((number) => !numbers.includes(number)).length;
        count.extra += numbers.filter((number) => !wanted.includes(number)).length;
        count.errors += decodeErrors(done.pathOf('wide')) === '' ? 0 : 1;
        count.smart += done.sidecar.made === 'smart' ? 1 : 0;
        count.proven += done.sidecar.proven ? 1 : 0;
      }
      lines.push(
        `| ${name} | ${count.right} of 25 | ${count.frames} | ${count.missing} | ${count.extra} | ${count.errors} ` +
          `| ${worstMs.toFixed(2)} ms | ${count.smart} | ${count.proven} |`,
      );
      process.stderr.write(`${lines.at(-1)}\n`);
    }
  } finally {
    clips.remove();
  }
  process.stdout.write(
    '\n100 exact cuts of 1 to 11 s, time stamps rounded to whole ms as RTMP does; numbers burnt into each picture\n\n' +
      '| fps | every frame right | frames | missing | extra | decode errors | sound off at most | smart | proven |\n' +
      `| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`,
  );
}

/** What a cut job names: the segments that overlap, and the one before. */
function cover(segments: TestSegments, inSeconds: number, outSeconds: number): TestSegments {
  const overlapping = segments.records.filter(
    (record) =>
      record.start90k + record.duration90k > inSeconds * 90_000 && record.start90k < outSeconds * 90_000,
  );
  const first = (overlapping[0]?.seq ?? 0) - 1;
  return { ...segments, records: segments.records.filter((r) => r.seq === first || overlapping.includes(r)) };
}

/** 7 Mbit/s, three B pictures, closed GOP of 2 s: what a broadcast encoder sends. */
function make1080p50(folder: string): { segments: TestSegments; joined: string } {
  const source = existsSync(footage)
    ? ['-stream_loop', '-1', '-t', '20', '-i', footage]
    : ['-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=50:duration=20,noise=alls=10:allf=t'];
  const master = join(folder, 'master.ts');
  run([
    ...source,
    '-f',
    'lavfi',
    '-i',
    'sine=frequency=440:sample_rate=48000:duration=20',
    '-map',
    '0:v',
    '-map',
    '1:a',
    '-vf',
    'fps=50,scale=1920:1080,setsar=1',
    '-t',
    '20',
    '-pix_fmt',
    'yuv420p',
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-bf',
    '3',
    '-g',
    String(gopSeconds * 50),
    '-b:v',
    '7M',
    '-maxrate',
    '8M',
    '-bufsize',
    '8M',
    '-x264-params',
    'scenecut=0',
    '-c:a',
    'aac',
    '-b:a',
    '128k',
    '-muxdelay',
    '0',
    '-muxpreload',
    '0',
    master,
  ]);
  const joined = join(folder, 'joined.mp4');
  run(['-i', master, '-c', 'copy', joined]);
  run(['-i', master, '-c', 'copy', '-f', 'segment', '-segment_time', '4', join(folder, 'segment%03d.ts')]);
  const files = readdirSync(folder)
    .filter((name) => name.startsWith('segment'))
    .toSorted();
  return {
    joined,
    segments: describeSegments(files.map((name) => new Uint8Array(readFileSync(join(folder, name))))),
  };
}

/** A PATH on which everything is found except bubblewrap. */
function hideSandbox(folder: string): void {
  const folders = (process.env['PATH'] ?? '').split(':');
  for (const name of ['ffmpeg', 'setpriv']) {
    const found = folders.map((one) => join(one, name)).find(existsSync);
    if (found) symlinkSync(found, join(folder, name));
  }
  process.env['PATH'] = folder;
}

/** This process and every child that has ended, in seconds (`proc(5)`: utime, stime, cutime, cstime in 1/100 s). */
function cpuSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

function ffmpeg(...args: string[]): Promise<void> {
  run(args);
  return Promise.resolve();
}

function run(args: readonly string[]): void {
  const done = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${done.stderr}`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

if (!process.argv.includes('--battery-only')) await benchSpeed();
if (!process.argv.includes('--speed-only')) await benchBattery();
