import type { Rules } from '../rules/rules.ts';
import {
  cutTimes,
  firstAtOrAfter,
  hasSoundAt,
  joinSeries,
  medianOf,
  ramp,
  signalNames,
  type Clue,
  type Evidence,
  type Sample,
} from './evidence.ts';

/** The end of the shot, which is measured... */
export const climaxNearMs = 4000;
/** ...against what was before it in the same shot, as far back as this. */
const shotBeforeMs = 8000;
/** So much before a climax has to be looked at finely: a cut that was overlooked would make two shots one. */
export const climaxReachMs = climaxNearMs + shotBeforeMs;
/** Samples of 500 ms that each part needs, so that neither is judged by a single picture. */
const nearCountMin = 6;
const beforeCountMin = 8;
/** A cut's own pictures are large, and belong to neither shot. */
const cutMs = 400;

/**
 * What an attack that ends in something looks like to somebody who hears nothing and reads no bug: within one shot the
 * camera and the players move more and more, then the director cuts away, to faces or to the replay. Shots are compared
 * with themselves alone, because wide shots and close-ups need different amounts of bits anyhow. Dated at the height of
 * the movement.
 */
export function climaxes(evidence: Evidence, rules: Rules): Clue[] {
  const cuts = cutTimes(evidence);
  const motion = joinSeries(evidence.signals, signalNames.motion, evidence.knownUntilMs);
  const sound = joinSeries(evidence.signals, signalNames.crowdFloor, evidence.knownUntilMs);
  return cuts.flatMap((cutAtMs): Clue[] => {
    if (hasSoundAt(sound, cutAtMs)) return [];
    const previousMs = cuts.findLast((one) => one < cutAtMs - cutMs) ?? -Infinity;
    const shotMs = Math.max(previousMs + cutMs, cutAtMs - climaxReachMs);
    const isApart = evidence.gaps.some((gap) => gap.fromMs < cutAtMs && gap.untilMs > shotMs);
    const near = between(motion, Math.max(shotMs, cutAtMs - climaxNearMs), cutAtMs - cutMs);
    const before = between(motion, shotMs, cutAtMs - climaxNearMs);
    if (isApart || near.length < nearCountMin || before.length < beforeCountMin) return [];
    const quiet = medianOf(before.map((one) => one.value));
    if (quiet <= 0) return [];
    const rise = medianOf(near.map((one) => one.value)) / quiet;
    const strength = ramp(rise, rules.climax.riseMin, rules.climax.riseFull);
    const height = near.reduce((best, one) => (one.value > best.value ? one : best));
    return [
      {
        kind: 'climax',
        atMs: height.atMs,
        untilMs: cutAtMs,
        strength,
        text:
          `Within one shot the movement rose to ${rise.toFixed(1)} times what it was, then the picture was cut. ` +
          'There is no sound to confirm it.',
      },
    ];
  });
}

function between(samples: readonly Sample[], fromMs: number, untilMs: number): readonly Sample[] {
  return samples.slice(firstAtOrAfter(samples, fromMs), firstAtOrAfter(samples, untilMs));
}
