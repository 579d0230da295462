// From the moment to its clip, live: a 1080p25 feed pushed by RTMP in real time into a whole `touchline up`.
//
//   npm run build && npx tsx bench/latency.ts [minutes, default 3]
//
// Prints one JSON document: p50, p95 and largest of each step. "closed" is when the segment ended that completes the clip:
// nobody could have cut before. The aim is closed + 2 s for the fast clip and closed + 6 s for the exact one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ClipView, RunReport, RunView, Waterfall, WaterfallStep } from '../control/match-desk.ts';
import { systemClock } from '../core/clock.ts';
import { startChild } from '../core/process.ts';
import { install, type RunningUp } from '../test/support/touchline.ts';

const minutes = Number(process.argv[2] ?? 3);
/** One roar in each: longer than the 20 s within which two peaks are one moment, and than a clip. */
const loopSeconds = 40;
const settleMsMax = 300_000;
const steps: readonly WaterfallStep[] = [
  'queued',
  'analysis-started',
  'analysed',
  'decided',
  'fast-cut-started',
  'fast-cut',
  'fast-visible',
  'exact-cut-started',
  'exact-cut',
  'exact-visible',
];

const folder = mkdtempSync(join(tmpdir(), 'touchline-latency-'));
const installation = await install();
try {
  const recording = join(folder, 'match.flv');
  makeMatch(recording);
  const up = await installation.up({ wallMsMax: minutes * 60_000 + 2 * settleMsMax });
  const made = await installation.run(['channel', 'create', 'bench', '--sport', 'soccer', '--json']);
  const channel = made.json as { id: string; ingest: { rtmp: string } };
  process.stderr.write(`pushing ${minutes} minutes of 1080p25 in real time ...\n`);
  const push = await startChild({
    command: 'ffmpeg',
    args: [
      ...'-v error -re -stream_loop -1 -i'.split(' '),
      recording,
      ...`-t ${minutes * 60} -c copy -f flv`.split(' '),
      channel.ingest.rtmp,
    ],
    wallMsMax: minutes * 60_000 + 60_000,
  });
  await push.exit;
  await installation.run(['channel', 'stop', 'bench']);
  await untilTerminal(up);
  const { clips } = (await up.get('/api/v1/clips?limit=200')) as { clips: ClipView[] };
  const falls: Waterfall[] = [];
  for (const { id } of clips) falls.push((await up.get(`/api/v1/clips/${id}/waterfall`)) as Waterfall);
  await up.stop();
  for (const { clipId, steps: fall } of falls) {
    const closedMs = fall.find(({ step }) => step === 'segment-closed')?.atMs ?? 0;
    const line = fall.map(({ step, atMs }) => `${step} ${atMs - closedMs}`).join(', ');
    process.stderr.write(`${clipId}: ${line}\n`);
  }
  const document = {
    machine: { cores: availableParallelism(), loadAverage1m: loadavg()[0], node: process.versions.node },
    minutes,
    clips: falls.length,
    sinceClosedMs: Object.fromEntries(
      steps.map((step) => [step, spread(falls, 'segment-closed', step)] as const),
    ),
    peakToFastMs: spread(falls, 'happened', 'fast-visible'),
    peakToExactMs: spread(falls, 'happened', 'exact-visible'),
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
} finally {
  installation.remove();
  rmSync(folder, { recursive: true, force: true });
}

/** Waits for what was cut last. */
async function untilTerminal(up: RunningUp): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + settleMsMax;
  while (systemClock.monotonicMs() < deadlineMs) {
    const { runs } = (await up.get('/api/v1/runs')) as { runs: RunView[] };
    const reports = await Promise.all(
      runs.map(async ({ id }) => (await up.get(`/api/v1/runs/${id}/report`)) as RunReport),
    );
    if (reports.length > 0 && reports.every((report) => report.isTerminal)) return;
    await systemClock.sleep(500);
  }
  throw new Error('the run did not end');
}

function spread(
  falls: readonly Waterfall[],
  from: WaterfallStep,
  to: WaterfallStep,
): { p50: number; p95: number; max: number } | undefined {
  const values = falls
    .flatMap(({ steps }) => {
      const first = steps.find(({ step }) => step === from)?.atMs;
      const last = steps.find(({ step }) => step === to)?.atMs;
      return first === undefined || last === undefined ? [] : [last - first];
    })
    .toSorted((one, other) => one - other);
  const at = (share: number): number =>
    values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
  return values.length === 0 ? undefined : { p50: at(0.5), p95: at(0.95), max: values.at(-1) ?? 0 };
}

/** A quiet crowd that roars for four seconds; pictures as a camera's would be, about 6 Mb/s, a keyframe every 2 s. */
function makeMatch(path: string): void {
  const done = spawnSync(
    'ffmpeg',
    [
      ...`-v error -f lavfi -i testsrc2=size=1920x1080:rate=25:duration=${loopSeconds}`.split(' '),
      ...`-f lavfi -i anoisesrc=color=pink:amplitude=0.03:duration=${loopSeconds}:seed=1`.split(' '),
      ...`-f lavfi -i anoisesrc=color=pink:amplitude=0.6:duration=${loopSeconds}:seed=2`.split(' '),
      '-filter_complex',
      "[0:v]noise=alls=6:allf=t[v];[2:a]volume='between(t,18,22)':eval=frame[roar];[1:a][roar]amix=inputs=2:normalize=0[a]",
      ...'-map [v] -map [a] -c:v libx264 -preset superfast -bf 2 -b:v 6M -maxrate 6M -bufsize 6M -g 50'.split(
        ' ',
      ),
      ...'-pix_fmt yuv420p -c:a aac -b:a 128k'.split(' '),
      path,
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(`ffmpeg could not make the match: ${done.stderr}`);
}
