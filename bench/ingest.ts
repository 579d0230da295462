// CPU and memory of our ingest per RTMP stream of 6 Mb/s, with segmenting: npm run build && npx tsx bench/ingest.ts [seconds]
// Reference in the same run: one `ffmpeg -c copy -f segment` child per stream, fed the same stream at the same pace.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as passTime } from 'node:timers/promises';

import { startModule } from '../core/process.ts';

const channelIds = ['ch_1', 'ch_2', 'ch_3', 'ch_4'];
/** One process for all of them, so that each further stream meets code that the compiler has seen. */
const streamCounts = [0, 1, 2, 4];
/** Six segments: the compiler has seen everything by then. */
const warmUpMs = 25_000;
/** A publisher that was accepted 5 s ago is read ten times a second; then two segments. */
const settleMs = 13_000;
const idleMs = 6000;

interface Load {
  streamCount: number;
  percent: number;
  meanMb: number;
  mostMb: number;
}

/** As the kernel accounts them, all threads of the process: time in ticks of 10 ms, resident pages of 4 KiB. */
function usageOf(pid: number): { cpuMs: number; rssMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, rssMb: (Number(fields[21]) * 4096) / 1e6 };
}

async function measure(streamCount: number, pids: readonly number[], seconds: number): Promise<Load> {
  const total = (): { cpuMs: number; rssMb: number } =>
    pids.map(usageOf).reduce((sum, one) => ({ cpuMs: sum.cpuMs + one.cpuMs, rssMb: sum.rssMb + one.rssMb }), {
      cpuMs: 0,
      rssMb: 0,
    });
  const before = total();
  const startedAt = performance.now();
  const rssMb: number[] = [];
  while (performance.now() - startedAt < seconds * 1000) {
    await passTime(500);
    rssMb.push(total().rssMb);
  }
  const percent = ((total().cpuMs - before.cpuMs) / (performance.now() - startedAt)) * 100;
  const meanMb = rssMb.reduce((sum, one) => sum + one, 0) / rssMb.length;
  return { streamCount, percent, meanMb, mostMb: Math.max(...rssMb) };
}

function ffmpeg(args: readonly string[]): ChildProcess {
  return spawn('ffmpeg', ['-v', 'error', '-nostdin', ...args], { stdio: 'ignore' });
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }),
  );
}

async function ours(folder: string, source: string, seconds: number): Promise<Load[]> {
  const url = new URL('support/ingest-server.mjs', import.meta.url);
  const child = await startModule({ url, args: [folder, ...channelIds], stderr: 'inherit' });
  const answers: ((answer: { port?: number; segmentCount?: number }) => void)[] = [];
  child.onMessage((message) => answers.shift()?.(message as { port?: number; segmentCount?: number }));
  const answer = async (): Promise<{ port?: number; segmentCount?: number }> =>
    await new Promise((resolve) => answers.push(resolve));
  const { port = 0 } = await answer();
  const pushes: ChildProcess[] = [];
  const loads: Load[] = [];
  try {
    for (const streamCount of streamCounts) {
      for (const key of channelIds.slice(pushes.length, streamCount)) {
        const to = `rtmp://127.0.0.1:${port}/live/${key}`;
        pushes.push(ffmpeg(['-re', '-i', source, '-c', 'copy', '-f', 'flv', to]));
      }
      await passTime(streamCount === 0 ? idleMs : streamCount === 1 ? warmUpMs : settleMs);
      const before = answer();
      child.send({});
      const { segmentCount = 0 } = await before;
      loads.push(await measure(streamCount, [child.pid], seconds));
      const after = answer();
      child.send({});
      const cutCount = ((await after).segmentCount ?? 0) - segmentCount;
      const due = (streamCount * seconds) / 4;
      if (Math.abs(cutCount - due) > streamCount)
        throw new Error(`${cutCount} segments were announced where ${due} were due`);
    }
  } finally {
    await end(pushes);
    child.kill();
    await child.exit;
  }
  return loads;
}

/** What a segmenter child costs beside a server that only receives: reading FLV from a pipe at the pace of the feed. */
async function reference(folder: string, source: string, seconds: number): Promise<Load[]> {
  const feeds: ChildProcess[] = [];
  const segmenters: ChildProcess[] = [];
  const loads: Load[] = [];
  const read = `-v error -nostdin -re -i ${source} -c copy -f flv pipe:1`.split(' ');
  const cut = '-v error -f flv -i pipe:0 -c copy -f segment -segment_time 4'.split(' ');
  try {
    for (const streamCount of streamCounts.slice(1)) {
      for (const name of channelIds.slice(feeds.length, streamCount)) {
        const feed = spawn('ffmpeg', read, { stdio: ['ignore', 'pipe', 'ignore'] });
        const pattern = join(folder, `${name}-%06d.ts`);
        const segmenter = spawn('ffmpeg', [...cut, pattern], { stdio: ['pipe', 'ignore', 'ignore'] });
        feed.stdout.pipe(segmenter.stdin);
        segmenter.stdin.on('error', () => {});
        feeds.push(feed);
        segmenters.push(segmenter);
      }
      await passTime(settleMs / 2);
      const pids = segmenters.map((one) => one.pid ?? 0);
      loads.push(await measure(streamCount, pids, seconds / 2));
    }
  } finally {
    await end([...feeds, ...segmenters]);
  }
  return loads;
}

function print(what: string, loads: readonly Load[]): void {
  let last: Load | undefined;
  for (const load of loads) {
    const { streamCount, percent, meanMb, mostMb } = load;
    const added = last ? streamCount - last.streamCount : 0;
    const cells = [
      String(streamCount),
      what,
      percent.toFixed(2),
      streamCount === 0 ? '' : (percent / streamCount).toFixed(2),
      meanMb.toFixed(1),
      mostMb.toFixed(1),
      last && added > 0 ? ((percent - last.percent) / added).toFixed(2) : '',
      last && added > 0 ? ((meanMb - last.meanMb) / added).toFixed(1) : '',
    ];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
    last = load;
  }
}

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 30);
  if (!existsSync(new URL('../dist/ingest/local-driver.js', import.meta.url)))
    throw new Error('there is no dist/: npm run build comes first');
  const folder = mkdtempSync(join(tmpdir(), 'touchline-bench-'));
  try {
    const source = join(folder, 'source.mp4');
    // One stream lasts through all of it, so that none crosses the seam of a loop.
    const lasts = Math.ceil((warmUpMs + 2 * settleMs) / 1000 + 3 * seconds + 10);
    const args = `-f lavfi -i testsrc2=s=1280x720:r=25 -f lavfi -i sine=r=48000 -t ${lasts} -c:v libx264 -preset ultrafast -b:v 5.9M -minrate 5.9M -maxrate 5.9M -bufsize 3M -x264-params nal-hrd=cbr:keyint=50 -c:a aac -b:a 128k`;
    await new Promise((resolve) => ffmpeg([...args.split(' '), source]).once('exit', resolve));
    process.stdout.write(
      `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${seconds} s each, 6 Mb/s a stream\n\n` +
        '| streams | what | % of a core | a stream | MB, mean | MB, most | each further stream, % | MB |\n' +
        '| --- | --- | --- | --- | --- | --- | --- | --- |\n',
    );
    print('touchline: RTMP server, timeline, segmenter, store', await ours(folder, source, seconds));
    print(
      '`ffmpeg -c copy -f segment`, a child per stream, no server',
      await reference(folder, source, seconds),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
