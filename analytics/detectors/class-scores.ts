import type { Signal } from '../../core/moment.ts';
import type { Tensor } from '../inference/inference.ts';
import type { ModelManifest } from '../inference/model-manifest.ts';
import type { Findings } from './detector.ts';

/** Probabilities of every class at one time, in the order of the manifest's classes. */
export interface ScoredTime {
  atMs: number;
  scores: readonly number[];
}

/**
 * What the scores of a model say, by its manifest alone: one signal `<model id>.<class>` (0 to 1) for each class of
 * interest, and one spot for each of its peaks.
 *
 * @param times ascending. They may reach beyond `own`, so that a peak next to a border is measured against those behind it;
 *   only what lies in `own` is reported
 */
export function readClassScores(
  manifest: ModelManifest,
  times: readonly ScoredTime[],
  own: { fromMs: number; untilMs: number } = { fromMs: -Infinity, untilMs: Infinity },
): Findings {
  const classes = classOutput(manifest)?.classes ?? [];
  const isOwn = ({ atMs }: { atMs: number }): boolean => atMs >= own.fromMs && atMs < own.untilMs;
  const ownTimes = times.filter(isOwn);
  const found: Findings = { signals: [], spots: [] };
  for (const [name, { event, weight }] of Object.entries(manifest.signals)) {
    const column = classes.indexOf(name);
    const signal: Signal = {
      name: `${manifest.id}.${slug(name)}`,
      unit: '0-1',
      atMs: ownTimes.map(({ atMs }) => atMs),
      values: ownTimes.map(({ scores }) => round(scores[column] ?? 0)),
    };
    if (signal.atMs.length > 0) found.signals.push(signal);
    const series = times.map(({ atMs, scores }) => ({ atMs, value: scores[column] ?? 0 }));
    const threshold = manifest.post.threshold[name] ?? manifest.post.threshold['*'] ?? 0.5;
    for (const { atMs, value } of peaksOf(series, threshold, manifest.post.windowSec * 1000).filter(isOwn)) {
      found.spots.push({
        atMs,
        label: event,
        confidence: Math.min(1, Math.max(0, value * weight)),
        source: manifest.id,
        durationMs: 0,
        evidence: { class: name, score: round(value) },
      });
    }
  }
  return found;
}

/** The output that has one column for each class. */
export function classOutput(manifest: ModelManifest): ModelManifest['outputs'][number] | undefined {
  return manifest.outputs.find((output) => output.role === 'class-scores');
}

/** One row of probabilities for each row of the last dimension, whatever the model gives: logits or what it made of them. */
export function probabilitiesOf(manifest: ModelManifest, scores: Tensor): number[][] {
  const output = classOutput(manifest);
  const width = output?.classes?.length ?? 1;
  return Array.from({ length: Math.floor(scores.data.length / width) }, (_, row) =>
    activate(
      Array.from(scores.data.subarray(row * width, (row + 1) * width), Number),
      output?.activation ?? 'none',
    ),
  );
}

/** Non-maximum suppression: the highest stands and those within the window of it fall, then the next highest... */
function peaksOf<T extends { atMs: number; value: number }>(
  series: readonly T[],
  threshold: number,
  windowMs: number,
): T[] {
  const kept: T[] = [];
  const highestFirst = series
    .filter(({ value }) => value >= threshold)
    .toSorted((one, other) => other.value - one.value || one.atMs - other.atMs);
  for (const one of highestFirst) {
    if (kept.every((other) => Math.abs(other.atMs - one.atMs) >= windowMs)) kept.push(one);
  }
  return kept.toSorted((one, other) => one.atMs - other.atMs);
}

function activate(row: number[], activation: 'none' | 'softmax' | 'sigmoid'): number[] {
  switch (activation) {
    case 'none':
      return row;
    case 'sigmoid':
      return row.map((value) => 1 / (1 + Math.exp(-value)));
    case 'softmax': {
      const top = Math.max(...row);
      const powers = row.map((value) => Math.exp(value - top));
      const sum = powers.reduce((total, value) => total + value, 0);
      return powers.map((value) => value / sum);
    }
  }
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
