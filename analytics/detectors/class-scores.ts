import type { Signal, Spot } from '../../core/moment.ts';
import type { Tensor } from '../inference/inference.ts';
import type { ModelManifest } from '../inference/model-manifest.ts';
import type { Findings } from './detector.ts';

/**
 * What the scores of a classifier say, by its manifest alone: one signal `<model id>.<class>` (0 to 1) for each class
 * of interest, and one spot for each stretch above the class's threshold, at its highest.
 *
 * @param scores one row for each of `atMs`
 */
export function readClassScores(manifest: ModelManifest, atMs: readonly number[], scores: Tensor): Findings {
  const output = manifest.outputs.find((one) => one.role === 'class-scores');
  const classes = output?.classes ?? [];
  const rows = atMs.map((_, row) =>
    activate(
      Array.from(scores.data.subarray(row * classes.length, (row + 1) * classes.length), Number),
      output?.activation ?? 'none',
    ),
  );
  const found: Findings = { signals: [], spots: [] };
  for (const [name, { event, weight }] of Object.entries(manifest.signals)) {
    const column = classes.indexOf(name);
    const values = rows.map((row) => row[column] ?? 0);
    const signal: Signal = {
      name: `${manifest.id}.${slug(name)}`,
      unit: '0-1',
      atMs: [...atMs],
      values: values.map((value) => Math.round(value * 1000) / 1000),
    };
    found.signals.push(signal);
    found.spots.push(...peaksOf(manifest, { name, event, weight, atMs, values }));
  }
  return found;
}

function peaksOf(
  manifest: ModelManifest,
  series: { name: string; event: string; weight: number; atMs: readonly number[]; values: readonly number[] },
): Spot[] {
  const threshold = manifest.post.threshold[series.name] ?? manifest.post.threshold['*'] ?? 0.5;
  const spots: Spot[] = [];
  for (const [index, value] of series.values.entries()) {
    if (value < threshold) continue;
    const spot: Spot = {
      atMs: series.atMs[index] ?? 0,
      label: series.event,
      confidence: Math.min(1, Math.max(0, value * series.weight)),
      source: manifest.id,
      durationMs: 0,
      evidence: { class: series.name, score: Math.round(value * 1000) / 1000 },
    };
    const last = spots.at(-1);
    if (!last || spot.atMs - last.atMs >= manifest.post.windowSec * 1000) spots.push(spot);
    else if (spot.confidence > last.confidence) spots[spots.length - 1] = spot;
  }
  return spots;
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
