/**
 * Memory of every process of `touchline up` over a long live run: is it flat?
 *
 *   npm run build && npx tsx bench/soak.ts [minutes=30]
 *
 * Pushes 1080p25 by RTMP in real time, reads each process's resident memory from /proc every 10 s, and
 * compares the median of the second quarter of the run with that of the last. Linux only.
 */
import { join } from 'node:path';

import { systemClock } from '../core/clock.ts';
import { startChild } from '../core/process.ts';
import { install, processTree } from '../test/support/touchline.ts';

const minutes = Number(process.argv[2] ?? 30);
const sampleMs = 10_000;
const sampleCount = Math.round((minutes * 60_000) / sampleMs);

const installation = await install();
const up = await installation.up({ wallMsMax: (minutes + 5) * 60_000 });
try {
  const created = await installation.run(['channel', 'create', 'soak', '--json']);
  const push = await startPush((created.json as { ingest: { rtmp: string } }).ingest.rtmp);
  print(await sample());
  push.kill();
  await push.exit;
} finally {
  await up.stop();
  installation.remove();
}

/** Resident MiB of each process, one number per sample, by what the process is. */
async function sample(): Promise<Map<string, number[]>> {
  const series = new Map<string, number[]>();
  for (let taken = 0; taken < sampleCount; taken += 1) {
    await systemClock.sleep(sampleMs);
    for (const { pid, command, residentMiB } of processTree(up.pid)) {
      const script = command
        .find((word) => word.endsWith('.js'))
        ?.split('/')
        .slice(-2)
        .join('/');
      const label = `${script ?? command[0]?.split('/').at(-1)} (${pid})`;
      series.set(label, [...(series.get(label) ?? []), residentMiB]);
    }
  }
  return series;
}

function print(series: ReadonlyMap<string, readonly number[]>): void {
  process.stdout.write(
    '| process | second quarter, MiB | last quarter, MiB | growth |\n| --- | --- | --- | --- |\n',
  );
  for (const [label, values] of series) {
    // ffmpeg lives for a second at a time and children are recycled on purpose: what stays is what can grow.
    if (values.length < sampleCount / 2) continue;
    const quarter = Math.floor(values.length / 4);
    const early = median(values.slice(quarter, 2 * quarter));
    const late = median(values.slice(3 * quarter));
    const growthPercent = ((late / early - 1) * 100).toFixed(1);
    process.stdout.write(`| ${label} | ${early.toFixed(0)} | ${late.toFixed(0)} | ${growthPercent} % |\n`);
  }
}

/** A minute of 1080p25 at 6 Mb/s with a roar in it, encoded once and pushed over and over: encoding is not what is measured. */
async function startPush(address: string): ReturnType<typeof startChild> {
  const path = join(installation.home, 'minute.mp4');
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=1920x1080:r=25:d=60'];
  const roar = 'anoisesrc=a=0.5:c=pink:d=60,volume=if(between(t\\,30\\,36)\\,1\\,0.05):eval=frame';
  const video = '-c:v libx264 -preset ultrafast -b:v 6M -g 50 -pix_fmt yuv420p'.split(' ');
  const encode = ['-v', 'error', ...picture, '-f', 'lavfi', '-i', roar, ...video, '-c:a', 'aac', path];
  await (
    await startChild({ command: 'ffmpeg', args: encode, wallMsMax: 300_000 })
  ).exit;
  const push = ['-v', 'error', '-re', '-stream_loop', '-1', '-i', path, '-c', 'copy', '-f', 'flv', address];
  return await startChild({ command: 'ffmpeg', args: push, wallMsMax: (minutes + 2) * 60_000 });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
