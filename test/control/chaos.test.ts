import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MomentView, RunReport, RunView, SegmentView } from '../../control/match-desk.ts';
import { clipSidecar } from '../../core/clip.ts';
import { systemClock } from '../../core/clock.ts';
import { startChild, type RunningChild } from '../../core/process.ts';
import { install, processTree, type Installation, type RunningUp } from '../support/touchline.ts';

const isLong = process.env['TOUCHLINE_TEST_LONG'] !== undefined;
const targets = ['worker', 'inference', 'ffmpeg', 'control'] as const;
type Target = (typeof targets)[number];
/** The short version kills a worker, one of its children, and the desk itself. */
const kills: readonly Target[] = isLong
  ? Array.from({ length: 20 }, (_, nth) => targets[nth % targets.length] ?? 'worker')
  : ['worker', 'ffmpeg', 'control'];
/** Up to this long from one kill to the next: a few segments. */
const pauseMsMax = isLong ? 12_000 : 4_000;
const timeout = (isLong ? 30 : 5) * 60_000;

describe.skipIf(process.platform !== 'linux')('kill -9 at random points of a match', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-chaos-'));
  const seed = Number(process.env['TOUCHLINE_TEST_SEED'] ?? systemClock.nowMs() % 1_000_000);
  const drawn = draws(seed);
  const everSeen = new Map<number, string>();
  const runsBeforeKill = new Set<string>();
  let installation: Installation;
  let up: RunningUp;
  let channel: { id: string; ingest: { rtmp: string } };

  beforeAll(async () => {
    const recording = join(folder, 'match.ts');
    makeMatch(recording);
    installation = await install({ TOUCHLINE_WORKERS: '2', TOUCHLINE_LOG: 'error' });
    up = await installation.up({ wallMsMax: timeout });
    const made = await installation.run(['channel', 'create', 'chaos', '--sport', 'soccer', '--json']);
    channel = made.json as typeof channel;
    const publishing = new AbortController();
    const publisher = publish(recording, channel.ingest.rtmp, publishing.signal);

    await untilRun(async () => (await reports()).some((report) => report.segments.total >= 2));
    for (const target of kills) {
      await systemClock.sleep(drawn() * pauseMsMax);
      await kill(target);
    }
    // The last desk has to prove itself on media of its own.
    await untilRun(async () => {
      const fresh = (await reports()).filter(({ run }) => !runsBeforeKill.has(run));
      return fresh.some((report) => report.segments.total >= 3);
    });
    publishing.abort();
    await publisher;
    await installation.run(['channel', 'stop', 'chaos']);
    await untilRun(async () => (await reports()).every((report) => report.isTerminal));
    note();
  }, timeout);

  afterAll(async () => {
    await up?.stop();
    installation?.remove();
    rmSync(folder, { recursive: true, force: true });
    const left = [...everSeen].filter(([pid, started]) => startedAt(pid) === started);
    expect(left, `processes left behind (seed ${seed})`).toEqual([]);
  });

  it(`loses no segment: each that is in the store ends as clip, no-clip or dead (seed ${seed})`, async () => {
    const all = await reports();
    expect(all.length).toBeGreaterThan(kills.includes('control') ? 1 : 0);
    for (const { run, segments } of all) {
      expect(segments.clip + segments.noClip + segments.dead, run).toBe(segments.total);
      const stored = readdirSync(join(installation.home, 'store/segments', channel.id, run));
      expect(stored, run).toHaveLength(segments.total);
      const listed = (await up.get(`/api/v1/runs/${run}/segments?limit=1000`)) as { segments: SegmentView[] };
      expect(listed.segments.map(({ seq }) => seq)).toEqual(
        Array.from({ length: segments.total }, (_, seq) => seq),
      );
      // A process that dies is no fault of the segment: it goes to another.
      expect(listed.segments.filter(({ state }) => state === 'dead')).toEqual([]);
    }
  });

  it('finds the moments, and has one clip of each with one file of each kind, whole', async () => {
    const all = await reports();
    expect(all.flatMap((report) => report.clips).length).toBeGreaterThan(0);
    for (const { run, moments, clips } of all) {
      expect(moments.filter(({ state }) => state !== 'exact')).toEqual([]);
      expect(new Set(clips.map(({ momentId }) => momentId)).size).toBe(clips.length);
      const runFolder = join(installation.home, 'store/clips', channel.id, run);
      const folders = existsSync(runFolder) ? readdirSync(runFolder) : [];
      expect(folders.toSorted()).toEqual(clips.map(({ id }) => id).toSorted());
      for (const clip of clips) {
        const sidecar = clipSidecar.parse(
          JSON.parse(readFileSync(join(runFolder, clip.id, `${clip.id}.json`), 'utf8')),
        );
        expect(sidecar.revision).toBe('exact');
        const moment = (await up.get(`/api/v1/moments/${clip.momentId}`)) as MomentView;
        // A cut that lost its worker time and again is given up and says so; what it had made before stays.
        const isGivenUp = isLong && moment.stateReason?.startsWith('given-up:') === true;
        expect(sidecar.renditions.map(({ preset }) => preset).toSorted(), `${moment.stateReason}`).toEqual(
          isGivenUp ? ['thumbnail', 'wide'] : ['proxy', 'thumbnail', 'vertical', 'waveform', 'wide'],
        );
        for (const { key, sha256, bytes } of sidecar.renditions) {
          const body = readFileSync(join(installation.home, 'store', key));
          expect([body.length, createHash('sha256').update(body).digest('hex')]).toEqual([bytes, sha256]);
        }
      }
    }
  });

  async function reports(): Promise<RunReport[]> {
    const { runs } = (await up.get('/api/v1/runs')) as { runs: RunView[] };
    return await Promise.all(
      runs.map(async ({ id }) => (await up.get(`/api/v1/runs/${id}/report`)) as RunReport),
    );
  }

  async function kill(target: Target): Promise<void> {
    if (target === 'control') {
      note();
      for (const { run } of await reports()) runsBeforeKill.add(run);
      await up.kill();
      up = await installation.up({ wallMsMax: timeout });
      return;
    }
    // Children come and go with the work: the next one that is seen is the one.
    await untilRun(async () => {
      const victim = note().find(({ command }) => isTarget(target, command));
      if (!victim) return false;
      try {
        process.kill(victim.pid, 'SIGKILL');
        return true;
      } catch {
        return false; // It ended by itself in this very moment.
      }
    });
  }

  /** Remembers every process that ever belonged to the tree. */
  function note(): ReturnType<typeof processTree> {
    const tree = processTree(up.pid);
    for (const { pid } of tree) everSeen.set(pid, startedAt(pid) ?? 'gone');
    return tree;
  }

  async function untilRun(holds: () => Promise<boolean>): Promise<void> {
    const deadlineMs = systemClock.monotonicMs() + timeout / 2;
    while (!(await holds())) {
      if (systemClock.monotonicMs() > deadlineMs) {
        throw new Error(`nothing came of it (seed ${seed}): ${JSON.stringify(await reports())}`);
      }
      await systemClock.sleep(50);
    }
  }
});

function isTarget(target: Exclude<Target, 'control'>, command: readonly string[]): boolean {
  switch (target) {
    case 'worker':
      return command.includes('--supervised');
    case 'inference':
      return command.some((word) => word.includes('inference-child'));
    case 'ffmpeg':
      return command[0]?.endsWith('ffmpeg') === true;
    default:
      return false;
  }
}

/** An encoder that comes back whenever it is thrown out, as encoders do. */
async function publish(recording: string, address: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const push: RunningChild = await startChild({
      command: 'ffmpeg',
      args: ['-v', 'error', '-re', '-stream_loop', '-1', '-i', recording, '-c', 'copy', '-f', 'flv', address],
      wallMsMax: timeout,
      signal,
    });
    push.outputs[0]?.resume();
    await push.exit;
    if (!signal.aborted) await systemClock.sleep(200);
  }
}

/** A minute, repeated: a quiet crowd that roars from the eighth second to the twelfth. */
function makeMatch(path: string): void {
  const done = spawnSync(
    'ffmpeg',
    [
      ...'-v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=60'.split(' '),
      ...'-f lavfi -i anoisesrc=color=pink:amplitude=0.03:duration=60:seed=1'.split(' '),
      ...'-f lavfi -i anoisesrc=color=pink:amplitude=0.6:duration=60:seed=2'.split(' '),
      '-filter_complex',
      "[2:a]volume='between(t,8,12)':eval=frame[roar];[1:a][roar]amix=inputs=2:normalize=0[a]",
      ...'-map 0:v -map [a] -c:v libx264 -preset ultrafast -tune zerolatency -g 50 -c:a aac -f mpegts'.split(
        ' ',
      ),
      path,
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(`ffmpeg could not make the match: ${done.stderr}`);
}

/** When a process began, in ticks since boot: a pid that was given out again has another. */
function startedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Uniform in [0, 1), the same for the same seed (a linear congruence is random enough for pauses). */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
