import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { modelManifest } from '../../../analytics/inference/model-manifest.ts';
import type { z } from 'zod';
import { sharedPath } from './make-media.ts';

export type ManifestJson = z.input<typeof modelManifest>;

/** A folder with manifests and the models they name, gone after `remove`. */
export async function modelFolder(
  entries: readonly { manifest: ManifestJson; from?: string }[],
): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'touchline-models-'));
  for (const { manifest, from } of entries) {
    await writeFile(join(folder, `${manifest.id}.json`), JSON.stringify(manifest));
    if (from !== undefined) await cp(from, join(folder, manifest.file));
  }
  return { folder, remove: async () => await rm(folder, { recursive: true, force: true }) };
}

export async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** Knows soccer celebrations; needs pictures at 2 a second, so it looks in the fine pass. */
export async function celebrationManifest(): Promise<ManifestJson> {
  const path = sharedPath('models/celebration_squeezenet.onnx');
  return {
    schema: 'touchline.model/1',
    id: 'celebration',
    version: '1.0.0',
    license: 'MIT',
    sports: ['soccer'],
    task: 'frame-classifier',
    file: 'celebration_squeezenet.onnx',
    sha256: await sha256Of(path),
    inputs: [
      {
        name: 'input',
        media: 'video',
        fps: 2,
        layout: 'BCHW',
        dtype: 'float32',
        shape: ['N', 3, 224, 224],
        scale: 1 / 255,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
      },
    ],
    outputs: [{ name: 'probs', role: 'class-scores', shape: ['N', 2], classes: ['celebration', 'goal'] }],
    signals: { celebration: { event: 'celebration', weight: 1 } },
    post: { windowSec: 2, threshold: { '*': 0.5 } },
    selftest: { output: 'probs', expect: { '0': 0.6976, '1': 0.3024 } },
  };
}

/** Knows 521 sounds, of which we want four. */
export async function yamnetManifest(): Promise<ManifestJson> {
  return {
    schema: 'touchline.model/1',
    id: 'yamnet',
    version: '1.0.0',
    license: 'Apache-2.0',
    task: 'audio-tagger',
    file: 'yamnet_f16w.onnx',
    sha256: await sha256Of(sharedPath('models/yamnet_f16w.onnx')),
    inputs: [
      {
        name: 'waveform',
        media: 'audio',
        sampleRate: 16_000,
        channels: 1,
        samples: 15_600,
        hop: 7800,
        layout: 'BS',
        shape: ['N', 15_600],
      },
    ],
    outputs: [{ name: 'scores', role: 'class-scores', shape: ['N', 521], classes: yamnetClasses() }],
    signals: {
      Applause: { event: 'applause' },
      Cheering: { event: 'cheering' },
      Whistle: { event: 'whistle-heard' },
    },
    post: { windowSec: 2, threshold: { '*': 0.3 } },
    selftest: { output: 'scores', expect: { '0': 0.0121, '509': 0.5083 } },
  };
}

function yamnetClasses(): string[] {
  return readFileSync(sharedPath('models/yamnet_labels.txt'), 'utf8').trim().split('\n');
}

/** For `redSpotter`: 2 pictures a second, looks everywhere. */
export function spotterManifest(
  model: Uint8Array,
  options: { frames: number; layout: 'BTCHW' | 'BTHWC' },
): ManifestJson {
  const { frames, layout } = options;
  const isPlanar = layout === 'BTCHW';
  return {
    schema: 'touchline.model/1',
    id: 'red-spotter',
    version: '1.0.0',
    license: 'Apache-2.0',
    task: 'spotter',
    file: 'red-spotter.onnx',
    sha256: createHash('sha256').update(model).digest('hex'),
    inputs: [
      {
        name: 'frames',
        media: 'video',
        fps: 2,
        layout,
        dtype: isPlanar ? 'float32' : 'uint8',
        shape: isPlanar ? ['B', frames, 3, 18, 32] : ['B', frames, 18, 32, 3],
        ...(isPlanar ? { scale: 1 / 255 } : {}),
      },
    ],
    outputs: [
      {
        name: 'logits',
        role: 'class-scores',
        shape: ['B', frames, 2],
        activation: 'softmax',
        classes: ['background', 'goal'],
      },
    ],
    look: 'everywhere',
    window: { frames, stride: Math.ceil(frames / 2), receptiveField: 3 },
    post: { windowSec: 2, threshold: { '*': 0.6 } },
    signals: { goal: { event: 'goal' } },
  };
}
