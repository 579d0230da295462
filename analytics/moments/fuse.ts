import type { Reason } from '../../core/moment.ts';
import type { Rules } from '../rules/rules.ts';
import { firstAtOrAfter, type Clue } from './evidence.ts';
import { compareText, weightOf } from './near-clues.ts';

/** A clue and how much it adds to one moment: weight x strength. */
export interface WeighedClue {
  clue: Clue;
  weight: number;
}

/**
 * Noisy-or, S = 1 - prod(1 - weight x strength): every clue can carry a moment alone, none can take from it, and what is
 * missing (no sound, no bug) only leaves the score lower. One clue of each kind counts, else five cuts outweigh a goal.
 */
export function fuse(clues: readonly Pick<WeighedClue, 'weight'>[]): number {
  return 1 - clues.reduce((rest, { weight }) => rest * (1 - weight), 1);
}

/** The strongest clue of each kind that speaks for time t, each within its own window. */
export function cluesFor(clues: readonly Clue[], atMs: number, rules: Rules): WeighedClue[] {
  const strongest = new Map<string, WeighedClue>();
  const last = firstAtOrAfter(clues, atMs + reachMs + 1);
  for (let index = firstAtOrAfter(clues, atMs - reachMs); index < last; index += 1) {
    const clue = clues[index];
    if (!clue) continue;
    const { weight, beforeMs, afterMs } = weightOf(clue.kind, rules);
    if (clue.atMs < atMs - beforeMs || clue.atMs > atMs + afterMs) continue;
    keepStronger(strongest, { clue, weight: weight * clue.strength });
  }
  return [...strongest.values()];
}

/** No window of the rules is wider (see their schema). */
const reachMs = 180_000;

export function keepStronger(strongest: Map<string, WeighedClue>, one: WeighedClue): void {
  const known = strongest.get(one.clue.kind);
  if (!known || one.weight > known.weight) strongest.set(one.clue.kind, one);
}

/**
 * Why: each clue with its share of the evidence, strongest first. Shares are taken in -ln(1 - weight), where noisy-or is
 * a sum, so that they add up to 1: "what the score would lose" is next to nothing for each of three clues that would
 * each have been enough.
 */
export function reasonsOf(clues: readonly WeighedClue[]): Reason[] {
  const evidenceOf = ({ weight }: WeighedClue): number => -Math.log(1 - Math.min(weight, weightMax));
  const total = clues.reduce((sum, one) => sum + evidenceOf(one), 0);
  return clues
    .map((one) => ({
      signal: one.clue.kind,
      contribution: total === 0 ? 0 : round(evidenceOf(one) / total),
      atMs: one.clue.atMs,
      text: one.clue.text,
    }))
    .toSorted((one, other) => other.contribution - one.contribution || compareText(one.signal, other.signal));
}

/** A certain clue would leave nothing for the others to say. */
const weightMax = 0.999;

export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
