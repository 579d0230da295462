import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clipSidecar } from '../../core/clip.ts';
import type { Moment } from '../../core/moment.ts';
import { startChild } from '../../core/process.ts';
import type { RunReport } from '../../control/match-desk.ts';
import {
  broadcastObstacle,
  buildBroadcast,
  type Broadcast,
  type ScriptedGoal,
} from '../support/broadcast.ts';
import { install, isAlive, processTree, type Installation, type RunningUp } from '../support/touchline.ts';

/** 90 s with one goal in `npm test`, eleven minutes with four in `npm run test:long`. */
const seconds = process.env['TOUCHLINE_TEST_LONG'] ? 660 : 90;
/** Pushing takes the broadcast's length; on two busy cores the clips need about as long again. */
const timeout = (seconds * 4 + 240) * 1000;

describe.skipIf(broadcastObstacle() !== undefined)('a broadcast of real footage', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-e2e-'));
  let broadcast: Broadcast;
  let installation: Installation;
  let up: RunningUp;
  let live: RunReport;

  beforeAll(async () => {
    broadcast = buildBroadcast({ folder, seconds });
    installation = await install();
    up = await installation.up({ wallMsMax: timeout * 2 });
    const created = await installation.run(['channel', 'create', 'live', '--sport', 'soccer', '--json']);
    const channel = created.json as { id: string; ingest: { rtmp: string } };
    const push = await startChild({
      command: 'ffmpeg',
      args: ['-v', 'error', '-re', '-i', broadcast.path, '-c', 'copy', '-f', 'flv', channel.ingest.rtmp],
      wallMsMax: (seconds + 60) * 1000,
    });
    expect(await push.exit).toMatchObject({ exitCode: 0 });
    await installation.run(['channel', 'stop', 'live']);
    live = await up.terminalReport(channel.id, timeout / 2);
  }, timeout);

  afterAll(async () => {
    const tree = up ? processTree(up.pid) : [];
    await up?.stop();
    installation?.remove();
    rmSync(folder, { recursive: true, force: true });
    expect(tree.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  it('pushed by RTMP ends with every segment accounted for', () => {
    const { total, clip, noClip, dead } = live.segments;
    expect({ sum: clip + noClip + dead, dead }).toEqual({ sum: total, dead: 0 });
    // Segments have 4 s or a little more: nothing of the push may be missing.
    expect(total).toBeGreaterThanOrEqual(Math.floor(seconds / 6));
  });

  it('has all its goals found, and no more than one false moment in five minutes', () => {
    const missed = broadcast.goals.filter((goal) => !live.moments.some((moment) => shows(moment, goal)));
    const wrong = live.moments.filter((moment) => !broadcast.goals.some((goal) => shows(moment, goal)));
    expect(missed).toEqual([]);
    expect(wrong.length, JSON.stringify(wrong)).toBeLessThanOrEqual(Math.ceil(seconds / 300));
  });

  it('gives exact clips in which the picture of the goal is where it belongs', () => {
    for (const goal of broadcast.goals) {
      const moment = live.moments.find((one) => shows(one, goal));
      const clip = live.clips.find((one) => one.momentId === moment?.id);
      expect(clip).toMatchObject({ revision: 'exact', proven: true });
      const wide = clip?.renditions.find(({ preset }) => preset === 'wide');
      const sidecar = clipSidecar.parse(
        JSON.parse(readFileSync(join(wide?.path ?? '', '..', `${clip?.id}.json`), 'utf8')),
      );
      const inClipMs = goal.atMs - sidecar.actual.in90k / 90;
      const wanted = grayPicture(broadcast.path, goal.atMs);
      expect(difference(grayPicture(wide?.path ?? '', inClipMs), wanted)).toBeLessThan(3);
      // The measure tells pictures apart: two seconds earlier it is another one.
      expect(difference(grayPicture(broadcast.path, goal.atMs - 2000), wanted)).toBeGreaterThan(5);
    }
  });

  it('gives every clip in all its renditions, and every file is decodable to its end', () => {
    for (const clip of live.clips) {
      const presets = clip.renditions.map(({ preset }) => preset).toSorted();
      expect(presets).toEqual(['proxy', 'thumbnail', 'vertical', 'waveform', 'wide']);
      for (const { preset, path } of clip.renditions) {
        if (preset === 'waveform') continue;
        const decoded = spawnSync('ffmpeg', ['-v', 'error', '-xerror', '-i', path ?? '', '-f', 'null', '-']);
        expect(`${preset}: ${decoded.stderr.toString()}`).toBe(`${preset}: `);
      }
    }
  });

  it('analysed as a file gives the same moments', async () => {
    const args = ['analyse', broadcast.path, '--sport', 'soccer', '--json'];
    const done = await installation.run(args, { wallMsMax: timeout });
    const expected = times(live);
    const actual = times(done.json as { moments: Moment[] });
    expect(actual.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
    for (const [index, moment] of actual.entries()) {
      // RTMP rounds times to whole ms, and the live run starts with the first keyframe: a picture apart at the most.
      for (const key of ['peakMs', 'inMs', 'outMs'] as const) {
        expect(Math.abs(moment[key] - (expected[index]?.[key] ?? 0)), key).toBeLessThanOrEqual(500);
      }
    }
  });
});

function times(report: {
  moments: Pick<Moment, 'label' | 'peakMs' | 'inMs' | 'outMs'>[];
}): { label: string; peakMs: number; inMs: number; outMs: number }[] {
  return report.moments
    .map(({ label, peakMs, inMs, outMs }) => ({ label, peakMs, inMs, outMs }))
    .toSorted((a, b) => a.peakMs - b.peakMs);
}

/** The clip holds the goal itself; a moment that begins behind it is worth nothing. */
function shows(moment: { inMs: number; outMs: number }, goal: ScriptedGoal): boolean {
  return moment.inMs <= goal.atMs && goal.atMs < moment.outMs;
}

/** The picture shown at `ms`, as 64 x 36 bytes of gray. */
function grayPicture(path: string, ms: number): Buffer {
  const at = (Math.max(0, ms) / 1000).toFixed(3);
  const gray = '-frames:v 1 -vf scale=64:36:flags=area -pix_fmt gray -f rawvideo -'.split(' ');
  return spawnSync('ffmpeg', ['-v', 'error', '-i', path, '-ss', at, ...gray]).stdout;
}

/** Mean absolute difference, in steps of 256. */
function difference(a: Buffer, b: Buffer): number {
  if (a.length !== b.length || a.length === 0) return 256;
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}
