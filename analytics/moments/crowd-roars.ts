import type { Rules } from '../rules/rules.ts';
import {
  firstAtOrAfter,
  gapEndBefore,
  joinSeries,
  medianOf,
  ramp,
  signalNames,
  type Clue,
  type Evidence,
  type Sample,
} from './evidence.ts';

/** A roar is judged by its first 4 s, so that nothing later changes its strength. */
export const roarJudgedMs = 4000;
/** A dip this short is a breath of the crowd, not its end. */
const holeMsMax = 1500;
/** With fewer samples before it there is no telling what quiet is. */
const baselineCountMin = 4;
const onsetStrengthMin = 0.2;
/** Below this nobody had switched the sound on: what follows is not a crowd that rises. */
const muteDbMax = -75;

/**
 * Stretches in which the noise floor rises over its own recent median while mean and floor stay close: thousands of
 * voices have no pauses, one commentator has. Dated at their onset.
 */
export function crowdRoars(evidence: Evidence, rules: Rules): Clue[] {
  const untilMs = evidence.knownUntilMs;
  const floor = joinSeries(evidence.signals, signalNames.crowdFloor, untilMs).filter(
    (sample) => sample.value > muteDbMax,
  );
  const crest = joinSeries(evidence.signals, signalNames.crowdCrest, untilMs);
  const speech = joinSeries(evidence.signals, signalNames.speech, untilMs);
  const loud = floor
    .map((sample, index) => ({
      atMs: sample.atMs,
      riseDb: riseOf(floor, index, evidence, rules),
      crestDb: nearest(crest, sample.atMs, 500) ?? 0,
      speech: meanAround(speech, sample.atMs, 500),
    }))
    .map((it) => ({ ...it, strength: strengthOf(it, rules.crowd) }))
    .filter((it) => it.strength >= onsetStrengthMin);

  const roars: Clue[] = [];
  for (let at = 0; at < loud.length;) {
    let end = at;
    while (end + 1 < loud.length && (loud[end + 1]?.atMs ?? 0) - (loud[end]?.atMs ?? 0) <= holeMsMax)
      end += 1;
    const roar = roarOf(loud.slice(at, end + 1), rules);
    if (roar) roars.push(roar);
    at = end + 1;
  }
  return roars;
}

interface LoudSample {
  atMs: number;
  riseDb: number;
  crestDb: number;
  speech: number;
  strength: number;
}

function roarOf(samples: readonly LoudSample[], rules: Rules): Clue | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last) return undefined;
  const judged = samples.filter((sample) => sample.atMs - first.atMs <= roarJudgedMs);
  const heldMs = (judged.at(-1)?.atMs ?? first.atMs) - first.atMs;
  if (heldMs < rules.crowd.holdMsMin) return undefined;
  // The upper third, not the maximum: one slammed door must not make a goal.
  const strengths = judged.map((sample) => sample.strength).toSorted((one, other) => other - one);
  const strength = strengths[Math.floor(strengths.length / 3)] ?? 0;
  const riseDb = Math.max(...judged.map((sample) => sample.riseDb));
  return {
    kind: 'crowd',
    atMs: first.atMs,
    untilMs: last.atMs,
    strength,
    text: `The crowd rose by ${Math.round(riseDb)} dB and stayed up for ${seconds(last.atMs - first.atMs)} s.`,
  };
}

function riseOf(floor: readonly Sample[], index: number, evidence: Evidence, rules: Rules): number {
  const sample = floor[index];
  if (!sample) return 0;
  const fromMs = Math.max(sample.atMs - rules.crowd.baselineMs, gapEndBefore(evidence.gaps, sample.atMs));
  const before = floor.slice(firstAtOrAfter(floor, fromMs), index);
  if (before.length < baselineCountMin) return 0;
  return sample.value - medianOf(before.map((one) => one.value));
}

function strengthOf(
  sample: { riseDb: number; crestDb: number; speech: number },
  crowd: Rules['crowd'],
): number {
  return (
    ramp(sample.riseDb, crowd.riseDbMin, crowd.riseDbFull) *
    ramp(sample.crestDb, crowd.crestDbNone, crowd.crestDbFull) *
    (1 - crowd.speechDamping * sample.speech)
  );
}

function nearest(samples: readonly Sample[], atMs: number, withinMs: number): number | undefined {
  const after = firstAtOrAfter(samples, atMs);
  const near = [samples[after - 1], samples[after]]
    .filter((one): one is Sample => one !== undefined && Math.abs(one.atMs - atMs) <= withinMs)
    .toSorted((one, other) => Math.abs(one.atMs - atMs) - Math.abs(other.atMs - atMs));
  return near[0]?.value;
}

function meanAround(samples: readonly Sample[], atMs: number, aroundMs: number): number {
  const near = samples.slice(
    firstAtOrAfter(samples, atMs - aroundMs),
    firstAtOrAfter(samples, atMs + aroundMs),
  );
  return near.length === 0 ? 0 : near.reduce((sum, one) => sum + one.value, 0) / near.length;
}

export function seconds(ms: number): string {
  return (Math.max(0, ms) / 1000).toFixed(ms < 10_000 ? 1 : 0);
}
