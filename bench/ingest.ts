// CPU and memory of our ingest per RTMP stream of 6 Mb/s, with segmenting: npx tsx bench/ingest.ts [seconds]
// Reference in the same run: one `ffmpeg -c copy -f segment` child per stream, fed the same stream at the same pace.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as passTime } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { systemClock } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { startModule } from '../core/process.ts';
import { systemRandom } from '../core/random.ts';
import { LocalDriver } from '../ingest/local-driver.ts';
import { createRtmpServer } from '../ingest/rtmp/server.ts';

/** Three segments: the compiler has seen everything by then. */
const warmUpMs = 13_000;
const channelIds = ['ch_1', 'ch_2', 'ch_3', 'ch_4'];

/** The driver alone in a process, so that what is measured is ingest and nothing else. Objects are files. */
async function serve(folder: string): Promise<void> {
  const objects = join(folder, 'objects');
  mkdirSync(objects, { recursive: true });
  const shared = { clock: systemClock, random: systemRandom, log: silentLog };
  let segmentCount = 0;
  const driver = new LocalDriver({
    ...shared,
    folder,
    host: {
      authenticate: async (key) => key.reveal(),
      putSegment: async (key, bytes) => await writeFile(join(objects, basename(key)), bytes),
      hasSegment: async () => false,
    },
    events: {
      onRunStarted: async () => {},
      onSegment: async () => {
        segmentCount += 1;
        process.send?.({ segmentCount });
      },
      onSegmentLate: async () => {},
      onRunEnded: async () => {},
      onHealth: () => {},
    },
    createServer: (handlers) => createRtmpServer({ host: '127.0.0.1', port: 0, ...shared, ...handlers }),
  });
  process.on('disconnect', () => process.exit(0));
  const port = await driver.listen();
  const running = driver.run(new AbortController().signal);
  for (const channelId of channelIds) {
    await driver.start({ channelId, segmentMs: 4000, resumeWindowMs: 60_000 });
  }
  process.send?.({ port });
  await running;
}

interface Load {
  cpuMs: number;
  wallMs: number;
  rssMb: number;
}

/** Linux: user and system time in ticks of 10 ms, resident pages of 4 KiB. */
function usageOf(pid: number): { cpuMs: number; rssMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * 10, rssMb: (Number(fields[21]) * 4096) / 1e6 };
}

async function measure(pids: readonly number[], seconds: number): Promise<Load> {
  const before = pids.map(usageOf);
  const startedAt = performance.now();
  let rssMb = 0;
  for (let second = 0; second < seconds; second += 1) {
    await passTime(1000);
    rssMb = Math.max(
      rssMb,
      pids.map(usageOf).reduce((sum, usage) => sum + usage.rssMb, 0),
    );
  }
  const cpuMs = pids
    .map(usageOf)
    .reduce((sum, usage, index) => sum + usage.cpuMs - (before[index]?.cpuMs ?? 0), 0);
  return { cpuMs, wallMs: performance.now() - startedAt, rssMb };
}

function ffmpeg(args: readonly string[]): ChildProcess {
  return spawn('ffmpeg', ['-v', 'error', '-nostdin', ...args], { stdio: 'ignore' });
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      child.kill('SIGKILL');
      if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
    }),
  );
}

async function ours(
  folder: string,
  source: string,
  streamCount: number,
  seconds: number,
): Promise<Load & { idleMb: number }> {
  const child = await startModule({
    url: new URL(import.meta.url),
    args: ['--serve', folder],
    stderr: 'inherit',
  });
  const port = await new Promise<number>((resolve) => {
    child.onMessage((message) => {
      const { port } = message as { port?: number };
      if (port !== undefined) resolve(port);
    });
  });
  await passTime(1000);
  const idleMb = usageOf(child.pid).rssMb;
  const pushes = channelIds
    .slice(0, streamCount)
    .map((key) =>
      ffmpeg(['-re', '-i', source, '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${port}/live/${key}`]),
    );
  await passTime(warmUpMs);
  const load = await measure([child.pid], seconds);
  await end(pushes);
  child.kill();
  await child.exit;
  return { ...load, idleMb };
}

/** What a segmenter child costs beside a server that only receives: reading FLV from a pipe at the pace of the feed. */
async function reference(
  folder: string,
  source: string,
  streamCount: number,
  seconds: number,
): Promise<Load> {
  const pairs = channelIds.slice(0, streamCount).map((name) => {
    const feed = spawn(
      'ffmpeg',
      ['-v', 'error', '-nostdin', '-re', '-i', source, '-c', 'copy', '-f', 'flv', 'pipe:1'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const pattern = join(folder, `${name}-%06d.ts`);
    const cut = spawn(
      'ffmpeg',
      [
        '-v',
        'error',
        '-f',
        'flv',
        '-i',
        'pipe:0',
        '-c',
        'copy',
        '-f',
        'segment',
        '-segment_time',
        '4',
        pattern,
      ],
      { stdio: ['pipe', 'ignore', 'ignore'] },
    );
    feed.stdout.pipe(cut.stdin);
    cut.stdin.on('error', () => {});
    return { feed, cut };
  });
  await passTime(warmUpMs);
  const load = await measure(
    pairs.map(({ cut }) => cut.pid ?? 0),
    seconds,
  );
  await end(pairs.flatMap(({ feed, cut }) => [feed, cut]));
  return load;
}

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 30);
  const folder = mkdtempSync(join(tmpdir(), 'touchline-bench-'));
  const source = join(folder, 'source.mp4');
  // Longer than one measurement, so that none crosses the seam of a loop.
  const args = `-f lavfi -i testsrc2=s=1280x720:r=25 -f lavfi -i sine=r=48000 -t ${seconds + 30} -c:v libx264 -preset ultrafast -b:v 5.9M -minrate 5.9M -maxrate 5.9M -bufsize 3M -x264-params nal-hrd=cbr:keyint=50 -c:a aac -b:a 128k`;
  await new Promise((resolve) => ffmpeg([...args.split(' '), source]).once('exit', resolve));
  process.stdout.write(
    `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${seconds} s each, 6 Mb/s per stream\n\n`,
  );
  process.stdout.write(
    '| streams | what | % of a core per stream | MB per stream | MB of the process(es) |\n| --- | --- | --- | --- | --- |\n',
  );
  const loads: Load[] = [];
  for (const streamCount of [1, 4]) {
    const row = (what: string, load: Load, baseMb: number): void => {
      const percent = ((load.cpuMs / load.wallMs) * 100) / streamCount;
      const perStream = (load.rssMb - baseMb) / streamCount;
      process.stdout.write(
        `| ${streamCount} | ${what} | ${percent.toFixed(2)} | ${perStream.toFixed(1)} | ${load.rssMb.toFixed(0)} |\n`,
      );
    };
    const mine = await ours(join(folder, `ours-${streamCount}`), source, streamCount, seconds);
    loads.push(mine);
    row('touchline: RTMP server, timeline, segmenter, store', mine, mine.idleMb);
    row(
      'ffmpeg -c copy -f segment, a child per stream, no server',
      await reference(folder, source, streamCount, seconds),
      0,
    );
  }
  const [one, four] = loads;
  if (one && four) {
    // What a process costs however many streams it has falls out of the difference.
    const percent = (four.cpuMs / four.wallMs - one.cpuMs / one.wallMs) * (100 / 3);
    const megabytes = (four.rssMb - one.rssMb) / 3;
    process.stdout.write(
      `| 2 to 4 | touchline, each further stream | ${percent.toFixed(2)} | ${megabytes.toFixed(1)} | |\n`,
    );
  }
  rmSync(folder, { recursive: true, force: true });
}

if (process.argv[2] === '--serve') await serve(process.argv[3] ?? '');
else if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
