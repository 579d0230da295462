import type { Moment, Signal, Spot } from '../../../core/moment.ts';
import { loadRules } from '../../../analytics/rules/load-rules.ts';
import { signalNames, type Evidence } from '../../../analytics/moments/evidence.ts';

export const soccer = loadRules({ sport: 'soccer' });

/** What happens in a made-up match, and the evidence that good detectors would give of it, cut into segments of 4 s. */
export interface Scene {
  durationMs: number;
  roars?: { fromMs: number; untilMs: number; riseDb?: number; crestDb?: number }[];
  whistlesMs?: number[];
  cutsMs?: number[];
  /** Value pairs from a time on. */
  scores?: { fromMs: number; home: number; away: number }[];
  /** No bug on the picture. */
  bugAway?: { fromMs: number; untilMs: number }[];
  hasSound?: boolean;
  hasBug?: boolean;
  spots?: Spot[];
}

export interface Result {
  fromMs: number;
  untilMs: number;
  signals: Signal[];
  spots: Spot[];
}

export const segmentMs = 4000;

export function resultsOf(scene: Scene): Result[] {
  const results: Result[] = [];
  for (let fromMs = 0; fromMs < scene.durationMs; fromMs += segmentMs) {
    const untilMs = Math.min(scene.durationMs, fromMs + segmentMs);
    const inside = (atMs: number): boolean => atMs >= fromMs && atMs < untilMs;
    results.push({
      fromMs,
      untilMs,
      signals: scene.hasSound === false ? [] : soundOf(scene, fromMs, untilMs),
      spots: [
        ...(scene.whistlesMs ?? []).map((atMs) => spotOf('whistle', atMs, 0.9, 400)),
        ...(scene.cutsMs ?? []).map((atMs) => spotOf('cut', atMs, 0.9)),
        ...(scene.spots ?? []),
        ...(scene.hasBug === false ? [] : readsOf(scene)),
      ].filter((spot) => inside(spot.atMs)),
    });
  }
  return results;
}

export function evidenceOf(results: readonly Result[], more: Partial<Evidence> = {}): Evidence {
  return {
    channelId: 'ch_a',
    runId: 'run_a',
    signals: results.flatMap((result) => result.signals),
    spots: results.flatMap((result) => result.spots),
    gaps: [],
    fromMs: 0,
    knownUntilMs: Math.max(0, ...results.map((result) => result.untilMs)),
    isComplete: true,
    previous: [],
    ...more,
  };
}

/** What a person sees of a moment, without its id. */
export function shown(moments: readonly Moment[]): Omit<Moment, 'id'>[] {
  return moments.map(({ id: _id, ...rest }) => rest);
}

function soundOf(scene: Scene, fromMs: number, untilMs: number): Signal[] {
  const atMs: number[] = [];
  for (let at = Math.ceil(fromMs / 500) * 500; at < untilMs; at += 500) atMs.push(at);
  const roarAt = (at: number) => scene.roars?.find((roar) => at >= roar.fromMs && at <= roar.untilMs);
  return [
    {
      name: signalNames.crowdFloor,
      unit: 'dBFS',
      atMs,
      values: atMs.map((at) => -40 + unrest(at) + (roarAt(at) ? (roarAt(at)?.riseDb ?? 9) : 0)),
    },
    {
      name: signalNames.crowdCrest,
      unit: 'dB',
      atMs,
      values: atMs.map((at) => (roarAt(at) ? (roarAt(at)?.crestDb ?? 1.2) : 3.5)),
    },
  ];
}

/** A little unrest, the same on every run of the tests. */
function unrest(atMs: number): number {
  return Math.sin(atMs / 700) * 0.8;
}

function readsOf(scene: Scene): Spot[] {
  const spots: Spot[] = [];
  for (let atMs = 0; atMs < scene.durationMs; atMs += 2000) {
    const isAway = scene.bugAway?.some((away) => atMs >= away.fromMs && atMs < away.untilMs) ?? false;
    const score = scene.scores?.findLast((one) => one.fromMs <= atMs) ?? { home: 0, away: 0 };
    spots.push(readOf(atMs, isAway ? [] : bugOf(`${score.home}-${score.away}`, clockAt(atMs))));
  }
  return spots;
}

export function bugOf(score: string, clock: string): [number, string][] {
  return [
    [50, 'INT'],
    [85, score],
    [120, 'NAP'],
    [160, clock],
  ];
}

export function clockAt(atMs: number, offsetMs = 300_000): string {
  const seconds = Math.floor((atMs + offsetMs) / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

export function readOf(atMs: number, words: readonly [x: number, text: string][], confidence = 0.97): Spot {
  return {
    ...spotOf('scoreboard', atMs, confidence),
    evidence: {
      fields: words.map(([x, text]) => ({ box: [x, 60, text.length * 9, 30], text, confidence })),
    },
  };
}

export function spotOf(label: string, atMs: number, confidence = 0.9, durationMs = 0): Spot {
  return { label, atMs, confidence, source: label, durationMs, evidence: {} };
}
