import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAnalyst, type Analyst } from '../../analytics/analyst.ts';
import type { Evidence } from '../../analytics/moments/evidence.ts';
import { fineWindows, findMoments } from '../../analytics/moments/find-moments.ts';
import { loadRules } from '../../analytics/rules/load-rules.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { msFromTicks } from '../../core/media-time.ts';
import type { Moment } from '../../core/moment.ts';
import { endOf90k, type SegmentRecord } from '../../core/segment.ts';
import type { AnalysisPass } from '../../core/jobs.ts';
import { segmentFile } from '../../ingest/source-file.ts';
import { broadcastObstacle, buildBroadcast, type Broadcast } from '../support/broadcast.ts';

const obstacle = broadcastObstacle();
/** The end-to-end test pushes 90 s of it through the whole house; this one is for the length at which false moments count. */
const isLong = process.env['TOUCHLINE_TEST_LONG'] !== undefined;
const seconds = 630;
const falseMax = Math.floor(seconds / 300);
const rules = loadRules({ sport: 'soccer' });
const run = { channelId: 'ch_a', runId: 'run_a' };

describe.skipIf(obstacle !== undefined || !isLong)(
  `a broadcast of ${seconds} s joined from real pieces`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'touchline-broadcast-'));
    const analyst = createAnalyst({ modelFolders: [], log: silentLog, clock: systemClock });
    let broadcast: Broadcast;
    let evidence: Evidence;
    let liveMoments: Moment[] = [];

    beforeAll(async () => {
      broadcast = buildBroadcast({ folder, seconds });
      evidence = {
        ...run,
        signals: [],
        spots: [],
        gaps: [],
        fromMs: 0,
        knownUntilMs: 0,
        isComplete: false,
        previous: [],
      };
      for await (const segment of segmentFile(sourceOf(broadcast))) {
        const found = await look(analyst, segment, 'coarse');
        evidence = {
          ...evidence,
          signals: [...evidence.signals, ...found.signals],
          spots: [...evidence.spots, ...found.spots],
          knownUntilMs: msFromTicks(endOf90k(segment.record)),
          previous: liveMoments,
        };
        liveMoments = findMoments(evidence, rules);
      }
      evidence = { ...evidence, isComplete: true, previous: [] };
      liveMoments = findMoments({ ...evidence, previous: liveMoments }, rules);
    }, 1_800_000);
    afterAll(async () => {
      await analyst.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it('gives a moment for every goal, named so, with the goal inside its clip', () => {
      for (const goal of broadcast.goals) {
        const moment = liveMoments.find((one) => Math.abs(one.peakMs - goal.atMs) <= 3000);
        expect(moment, `the goal at ${goal.atMs} ms among ${show(liveMoments)}`).toBeDefined();
        expect(moment?.label).toBe('goal');
        expect(moment?.inMs).toBeLessThanOrEqual(goal.atMs - 5000);
        expect(moment?.outMs).toBeGreaterThanOrEqual(goal.atMs + 5000);
        expect(moment?.reasons[0]?.signal).toBe('score');
        expect(moment?.reasons[0]?.text).toContain(`REA ${goal.home}-${goal.away} TOU`);
        // Read every 2 s at least; the bug is off during the replay that ends 5 s before.
        expect(Math.abs((moment?.reasons[0]?.atMs ?? 0) - goal.scoreAtMs)).toBeLessThanOrEqual(6000);
      }
    });

    it('gives no more than one false moment in five minutes, looked at finely too', async () => {
      const closer = findMoments(await lookCloser(analyst, broadcast, evidence), rules);
      for (const moments of [liveMoments, closer]) {
        const wrong = moments.filter((moment) =>
          broadcast.goals.every((goal) => Math.abs(moment.peakMs - goal.atMs) > 3000),
        );
        expect(wrong.length, show(wrong)).toBeLessThanOrEqual(falseMax);
      }
    }, 600_000);

    it('gives the same from the file as live', () => {
      expect(findMoments(evidence, rules)).toEqual(liveMoments);
    });

    it.each<[what: string, without: (whole: Evidence) => Evidence]>([
      ['sound', withoutSound],
      ['scoreboard', withoutBoard],
    ])(
      'still finds every goal without %s, less surely, and no more than is false',
      async (what, without) => {
        const coarse = without(evidence);
        const closer = without(await lookCloser(analyst, broadcast, coarse));
        for (const [pass, seen] of Object.entries({ coarse, closer })) {
          const moments = findMoments(seen, rules);
          const found = (atMs: number): Moment | undefined =>
            moments.find((one) => one.inMs <= atMs && one.outMs >= atMs);
          const missing = broadcast.goals.filter((goal) => !found(goal.atMs));
          expect({ without: what, pass, missing }, show(moments)).toEqual({
            without: what,
            pass,
            missing: [],
          });
          for (const goal of broadcast.goals) {
            const whole = liveMoments.find((one) => Math.abs(one.peakMs - goal.atMs) <= 3000)?.score ?? 0;
            expect(found(goal.atMs)?.score, `${goal.atMs} ms, ${pass}, without ${what}`).toBeLessThan(whole);
          }
          const right = new Set(broadcast.goals.map((goal) => found(goal.atMs)));
          const wrong = moments.filter((one) => !right.has(one));
          expect(wrong.length, show(wrong)).toBeLessThanOrEqual(falseMax);
        }
      },
      600_000,
    );
  },
);

function sourceOf(broadcast: Broadcast): Parameters<typeof segmentFile>[0] {
  return { ...run, path: broadcast.path, sessionId: 'ses_a', startWallMs: 0 };
}

async function look(
  analyst: Analyst,
  segment: { record: SegmentRecord; bytes: Uint8Array },
  pass: AnalysisPass,
): ReturnType<Analyst['analyse']> {
  const { record, bytes } = segment;
  const { signal } = new AbortController();
  return await analyst.analyse({ segment: record, bytes, pass, sport: 'soccer', signal });
}

/** Adds what the fine pass finds in the segments that deserve it: cuts, most of all, which move a clip's ends and its peak. */
async function lookCloser(analyst: Analyst, broadcast: Broadcast, evidence: Evidence): Promise<Evidence> {
  const windows = fineWindows(evidence, rules);
  let closer = evidence;
  for await (const segment of segmentFile(sourceOf(broadcast))) {
    const { record } = segment;
    const isAsked = windows.some(
      ({ fromMs, untilMs }) =>
        fromMs < msFromTicks(endOf90k(record)) && untilMs > msFromTicks(record.start90k),
    );
    if (!isAsked) continue;
    const found = await look(analyst, segment, 'fine');
    closer = {
      ...closer,
      signals: [...closer.signals, ...found.signals],
      spots: [...closer.spots, ...found.spots],
    };
  }
  return closer;
}

/** What a feed gives whose sound is not there: the whistle is heard too. */
function withoutSound(whole: Evidence): Evidence {
  return {
    ...whole,
    signals: whole.signals.filter((signal) => !/^(crowd|speech)\./.test(signal.name)),
    spots: whole.spots.filter((spot) => spot.label !== 'whistle'),
  };
}

function withoutBoard(whole: Evidence): Evidence {
  return { ...whole, spots: whole.spots.filter((spot) => spot.label !== 'scoreboard') };
}

/** One line a moment, for the message of a failure. */
function show(moments: readonly Moment[]): string {
  return moments
    .map(({ label, peakMs, inMs, outMs, score, reasons }) => {
      const why = reasons.map((reason) => `${reason.signal} ${reason.contribution}`).join(', ');
      return `\n  ${label} at ${peakMs} (${inMs}-${outMs}), ${score}: ${why}`;
    })
    .join('');
}
