import type { Rules } from '../rules/rules.ts';
import {
  firstAtOrAfter,
  joinSeries,
  ramp,
  signalNames,
  type Clue,
  type Evidence,
  type Sample,
} from './evidence.ts';
import { mediansBefore } from './medians-before.ts';

/** A roar is judged by its first 4 s (and the half second that its last second needs): nothing later changes its strength. */
export const roarJudgedMs = 4500;
const judgedMs = 4000;
/** A dip this short is a breath of the crowd, not its end. */
const holeMsMax = 1500;
const onsetStrengthMin = 0.2;
/** Below this nobody had switched the sound on: what follows is not a crowd that rises. */
const muteDbMax = -75;

/**
 * Stretches in which the noise floor rises over its own recent median while mean and floor stay close: thousands of
 * voices have no pauses, one commentator has. Dated at their onset.
 */
export function crowdRoars(evidence: Evidence, rules: Rules): Clue[] {
  const loud = crowdSeconds(evidence, rules).filter((it) => it.strength >= onsetStrengthMin);

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

/** How much each second, every half second, sounds like a crowd that rises: what roars are made of. */
export function crowdSeconds(evidence: Evidence, rules: Rules): CrowdSecond[] {
  const untilMs = evidence.knownUntilMs;
  const levels = secondsOf(
    joinSeries(evidence.signals, signalNames.crowdFloor, untilMs),
    joinSeries(evidence.signals, signalNames.crowdCrest, untilMs),
  );
  const floor = levels.map(({ atMs, floorDb }) => ({ atMs, value: floorDb }));
  const quiet = mediansBefore(floor, {
    windowMs: rules.crowd.baselineMs,
    gaps: evidence.gaps,
  });
  const speech = joinSeries(evidence.signals, signalNames.speech, untilMs);
  return levels
    .map(({ atMs, floorDb, crestDb }, index) => ({
      atMs,
      crestDb,
      riseDb: floorDb - (quiet[index] ?? floorDb),
      speech: meanAround(speech, atMs, 500),
    }))
    .map((it) => ({ ...it, strength: strengthOf(it, rules.crowd) }));
}

interface Level {
  atMs: number;
  floorDb: number;
  crestDb: number;
}

/**
 * Whole seconds, every half second: a shouted word fills half a second and looks like a roar there (+16 dB at a crest
 * below 2.5 in a match where nothing happened), but has a pause within the second.
 */
function secondsOf(floor: readonly Sample[], crest: readonly Sample[]): Level[] {
  const crestAt = new Map(crest.map((sample) => [sample.atMs, sample.value]));
  return floor.flatMap((sample, index): Level[] => {
    const next = floor[index + 1];
    if (!next || next.atMs - sample.atMs > 750 || Math.min(sample.value, next.value) <= muteDbMax) return [];
    const floorDb = Math.min(sample.value, next.value);
    const meanDb =
      (sample.value + (crestAt.get(sample.atMs) ?? 0) + next.value + (crestAt.get(next.atMs) ?? 0)) / 2;
    return [{ atMs: sample.atMs, floorDb, crestDb: meanDb - floorDb }];
  });
}

interface CrowdSecond {
  atMs: number;
  riseDb: number;
  crestDb: number;
  speech: number;
  strength: number;
}

function roarOf(samples: readonly CrowdSecond[], rules: Rules): Clue | undefined {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last) return undefined;
  const judged = samples.filter((sample) => sample.atMs - first.atMs <= judgedMs);
  const heldMs = (judged.at(-1)?.atMs ?? first.atMs) - first.atMs;
  if (heldMs < rules.crowd.holdMsMin) return undefined;
  // The upper third, not the maximum: one slammed door must not make a goal.
  const strengths = judged.map((sample) => sample.strength).toSorted((one, other) => other - one);
  const strength = strengths[Math.floor(strengths.length / 3)] ?? 0;
  const riseDb = Math.max(...judged.map((sample) => sample.riseDb));
  const untilMs = last.atMs + 1000;
  return {
    kind: 'crowd',
    atMs: first.atMs,
    untilMs,
    strength,
    text: `The crowd rose by ${Math.round(riseDb)} dB and stayed up for ${seconds(untilMs - first.atMs)} s.`,
  };
}

/**
 * A voice explains only what the crest leaves in doubt: commentators shout over every goal, and while there are no pauses
 * between their words the crowd is what fills them. Damped by speech alone, no goal with a commentator reached the threshold.
 */
function strengthOf(
  sample: { riseDb: number; crestDb: number; speech: number },
  crowd: Rules['crowd'],
): number {
  const crowdShare = ramp(sample.crestDb, crowd.crestDbNone, crowd.crestDbFull);
  const voiceShare = crowd.speechDamping * sample.speech * (1 - crowdShare);
  return ramp(sample.riseDb, crowd.riseDbMin, crowd.riseDbFull) * crowdShare * (1 - voiceShare);
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
