import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Detector } from '../../../analytics/detectors/detector.ts';
import { createInference } from '../../../analytics/inference/inference-process.ts';
import type { Inference } from '../../../analytics/inference/inference.ts';
import { builtInModel } from '../../../analytics/inference/model-folder.ts';
import { followScoreboard, type ScoreboardHistory } from '../../../analytics/moments/score-changes.ts';
import { scoreboardReads } from '../../../analytics/moments/scoreboard-reads.ts';
import { loadRules } from '../../../analytics/rules/load-rules.ts';
import { createScoreboardDetector } from '../../../analytics/scoreboard/scoreboard-detector.ts';
import type { Spot } from '../../../core/moment.ts';
import { silentLog } from '../../../core/log.ts';
import { bandPictures, segmentSamples } from './band-pictures.ts';

const footage = fileURLToPath(new URL('../../../../shared/footage/', import.meta.url));
const isHere = existsSync(footage);
const font = '/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf';

let inference: Inference;
let detector: Detector;
const folder = mkdtempSync(join(tmpdir(), 'touchline-scoreboard-'));

beforeAll(async () => {
  inference = createInference({ log: silentLog });
  detector = createScoreboardDetector({
    inference,
    textFinder: await builtInModel('pp-ocrv4-det'),
    textReader: await builtInModel('pp-ocrv4-rec'),
  });
});
afterAll(async () => {
  await inference.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Field {
  text: string;
  box: [number, number, number, number];
}

/** Each file is a run of its own. */
let runCount = 0;

async function spotsOf(
  path: string,
  how: { everyMs?: number; filter?: string; durationMs?: number; segmentMs?: number } = {},
): Promise<Spot[]> {
  const { everyMs = 2000, segmentMs = 4000, ...rest } = how;
  const spots: Spot[] = [];
  runCount += 1;
  for (const sample of segmentSamples(bandPictures(path, { everyMs, share: 0.22, ...rest }), segmentMs)) {
    const segment = { ...sample.segment, runId: `run_${runCount}` };
    spots.push(...(await detector.detect({ ...sample, segment }, new AbortController().signal)).spots);
  }
  return spots;
}

function wordsOf(spot: Spot): string[] {
  return (spot.evidence['fields'] as Field[]).map((field) => field.text);
}

function historyOf(spots: readonly Spot[], sport: string): ScoreboardHistory {
  return followScoreboard(scoreboardReads(spots, Infinity), loadRules({ sport }).score);
}

function changesOf(history: ScoreboardHistory): [atMs: number, from: number, to: number][] {
  return history.changes.map((change) => [change.atMs, change.from, change.to]);
}

describe.skipIf(!isHere)('the scoreboard of real broadcasts', () => {
  it('reads a whole bug with its clock in every picture (INT-NAP, 720p)', async () => {
    // 32 s: the last of the 33 stands alone in its segment.
    const spots = await spotsOf(`${footage}video/soccer_internapoli_bug_0611-0643.mp4`, {
      durationMs: 32_000,
    });
    expect(spots).toHaveLength(16);
    for (const [index, spot] of spots.entries()) {
      const second = 10 + 2 * index;
      expect(wordsOf(spot).toSorted()).toEqual(['0-0', `06:${second}`, 'INT', 'NAP'].toSorted());
    }
    const clock = ((spots[0] as Spot).evidence['fields'] as Field[]).find((field) => field.text === '06:10');
    expect(clock?.box[0]).toBeCloseTo(320, -1);
    expect(clock?.box[1]).toBeCloseTo(64, -1);
    expect(historyOf(spots, 'soccer')).toEqual({ changes: [], absences: [] });
  });

  it('reads a thin font, and single digits that the text finder overlooks (RMA-SEV, 720p)', async () => {
    const spots = await spotsOf(`${footage}video/soccer_realmadridsevilla_bug_0438-0504.mp4`, {
      durationMs: 19_900,
    });
    // The bug is on from 8 s.
    const on = spots.filter((spot) => spot.atMs >= 8000);
    expect(on).toHaveLength(6);
    for (const spot of on) {
      const second = 46 + (spot.atMs - 8000) / 1000;
      expect(wordsOf(spot)).toEqual(expect.arrayContaining(['RMA', 'SEV', `04:${second}`]));
    }
    expect(historyOf(spots, 'soccer').changes).toEqual([]);
  });

  it('finds every change of a score within half a second (4-9 to 7-13)', async () => {
    const spots = await spotsOf(`${footage}video/basketball_app_scorechange_4-9_to_7-13.mp4`, {
      everyMs: 500,
    });
    const { changes } = historyOf(spots, 'basketball');
    const of = (low: number, high: number): [number, number, number][] =>
      changes
        .filter((change) => change.to >= low && change.to <= high)
        .map((change) => [change.atMs, change.from, change.to]);
    expect(of(0, 8)).toEqual([
      [4000, 4, 5],
      [7500, 5, 6],
      [10_000, 6, 7],
    ]);
    expect(of(9, 20)).toEqual([
      [2000, 9, 10],
      [4000, 10, 11],
      [7500, 11, 12],
      [10_000, 12, 13],
    ]);
    expect(changes[0]?.clock).toBe('01:00');
  });

  it('sees the bug leave with the live picture (BAR-LIV, 384 rows)', async () => {
    const spots = await spotsOf(`${footage}video/soccer_barca_liverpool_freekick_goal.mp4`, {
      everyMs: 1000,
    });
    const withTeams = spots.filter((spot) => wordsOf(spot).includes('LIV'));
    expect(withTeams.map((spot) => spot.atMs)).toEqual([0, 1000, 2000, 3000]);
    expect(wordsOf(withTeams[1] as Spot)).toContain('BAR');
    expect(historyOf(spots, 'soccer').changes).toEqual([]);
  });

  it('claims no change on broadcasts in which none happens', async () => {
    for (const [name, sport] of [
      ['tennis_paris_rune_djokovic_1', 'tennis'],
      ['soccer_clasico_celebration_bug', 'soccer'],
      ['soccer_youth_veo_a', 'soccer'],
      ['basketball_highschool_gym', 'basketball'],
    ] as const) {
      const spots = await spotsOf(`${footage}video/${name}.mp4`, { everyMs: 1000 });
      expect([name, changesOf(historyOf(spots, sport))]).toEqual([name, []]);
    }
  });

  it('reads a single still (FRC 2018, ground truth beside it)', async () => {
    const spots = await spotsOf(`${footage}stills/frc_2018_12.png`);
    expect(spots).toHaveLength(1);
    expect(wordsOf(spots[0] as Spot).length).toBeGreaterThan(2);
  });
});

const ffmpeg = spawnSync('ffmpeg', ['-version']).status === 0;

describe.skipIf(!ffmpeg || !existsSync(font))('a scoreboard that we drew', () => {
  const showAt = (text: string, x: number, from: number, until: number): string =>
    `drawtext=fontfile=${font}:text='${text}':x=${x}:y=48:fontsize=28:fontcolor=white:enable='gte(t,${from})*lt(t,${until})*not(between(t,33,41))'`;
  const clock = `drawtext=fontfile=${font}:text='%{pts\\:gmtime\\:600\\:%M\\\\\\:%S}':x=330:y=48:fontsize=28:fontcolor=white:enable='not(between(t,33,41))'`;
  const panel = `drawbox=x=60:y=40:w=360:h=44:color=0x202060:t=fill:enable='not(between(t,33,41))'`;

  /** Sixty seconds of trembling grass, 0-0, 1-0 at 20 s, no bug from 33 to 41 s (a replay), 1-1 behind it. */
  function draw(size: string): string {
    const path = join(folder, `${size}.mp4`);
    const filter = [
      'noise=alls=60:allf=t',
      'scale=1280:720',
      panel,
      showAt('ABC', 75, 0, 60),
      showAt('0', 160, 0, 20),
      showAt('1', 160, 20, 60),
      showAt('0', 200, 0, 37),
      showAt('1', 200, 37, 60),
      showAt('XYZ', 240, 0, 60),
      clock,
      `scale=${size}`,
    ].join(',');
    const args = `-v error -nostdin -y -f lavfi -i color=0x307030:s=160x90:r=1:d=60 -vf FILTER -c:v libx264 -preset ultrafast -crf 26 -g 2 ${path}`;
    const made = spawnSync(
      'ffmpeg',
      args.split(' ').map((arg) => (arg === 'FILTER' ? filter : arg)),
    );
    if (made.status !== 0) throw new Error(String(made.stderr));
    return path;
  }

  it.each(['1280:720', '1920:1080', '960:540'])(
    'finds both goals at %s and is not taken in by a replay without the bug',
    async (size) => {
      const history = historyOf(await spotsOf(draw(size)), 'soccer');
      const [first, second, ...others] = history.changes;
      expect(others).toEqual([]);
      expect(first).toMatchObject({ from: 0, to: 1 });
      expect(first?.atMs).toBeGreaterThanOrEqual(20_000);
      expect(first?.atMs).toBeLessThanOrEqual(size === '960:540' ? 24_000 : 20_000);
      expect(second).toMatchObject({ from: 0, to: 1 });
      // The bug is back at 42 s, in the middle of a segment; a digit or two may be overlooked in the next one.
      expect(second?.atMs).toBeGreaterThanOrEqual(42_000);
      expect(second?.atMs).toBeLessThanOrEqual(48_000);
      expect(history.absences).toHaveLength(1);
      const absence = history.absences[0];
      expect(absence?.fromMs).toBeGreaterThanOrEqual(32_000);
      expect(absence?.fromMs).toBeLessThanOrEqual(36_000);
      expect(absence?.untilMs).toBeGreaterThanOrEqual(40_000);
      expect(absence?.untilMs).toBeLessThanOrEqual(44_000);
      expect(first?.clock).toBe(`10:${(first?.atMs ?? 0) / 1000}`);
      expect(first?.board.replaceAll(' ', '')).toBe('ABC10XYZ');
    },
  );

  it('gives the same for a segment, whatever was seen before', async () => {
    const path = join(folder, '1280:720.mp4');
    const samples = segmentSamples(bandPictures(path, { everyMs: 2000, share: 0.22 }), 4000);
    const sample = samples[3];
    if (!sample) throw new Error('the drawn match is shorter than it should be');
    const signal = new AbortController().signal;
    const before = await detector.detect(sample, signal);
    for (const other of samples.slice(0, 3)) await detector.detect(other, signal);
    expect(await detector.detect(sample, signal)).toEqual(before);
  });

  it('has nothing to say of a segment without pictures', async () => {
    const sample = segmentSamples(
      {
        width: 64,
        height: 64,
        pictures: [{ atMs: 0, width: 64, height: 28, rgb: new Uint8Array(64 * 28 * 3) }],
      },
      4000,
    )[0];
    if (!sample) throw new Error('no sample');
    const signal = new AbortController().signal;
    expect(await detector.detect({ ...sample, pictures: [] }, signal)).toEqual({ signals: [], spots: [] });
    const black = await detector.detect(sample, signal);
    expect(black.spots.map((spot) => spot.evidence)).toEqual([{ fields: [] }]);
  });
});
