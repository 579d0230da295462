import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAnalyst, type Analyst } from '../../../analytics/analyst.ts';
import { readModelFolder } from '../../../analytics/inference/model-folder.ts';
import { systemClock } from '../../../core/clock.ts';
import { TouchlineError } from '../../../core/errors.ts';
import { silentLog } from '../../../core/log.ts';
import { makeMedia, type Media } from '../support/make-media.ts';
import { modelFolder, spotterManifest, type ManifestJson } from '../support/model-fixtures.ts';
import { onnxFile, redSpotter } from '../support/onnx-file.ts';

type Task = Parameters<Analyst['analyse']>[0];

const folders: { remove: () => Promise<void> }[] = [];
const analysts: Analyst[] = [];
/** Three segments of 4 s: grey, grey until a red flash of 1 s, red from its first picture on. */
let grey: Media;
let flash: Media;
let red: Media;
beforeAll(async () => {
  [grey, flash, red] = await Promise.all([
    makeMedia({ picture: greyButRed('0'), seconds: 4, start90k: 0 }),
    makeMedia({ picture: greyButRed('between(t,1.7,2.7)'), seconds: 4, start90k: 360_000 }),
    makeMedia({ picture: greyButRed('1'), seconds: 4, start90k: 720_000 }),
  ]);
});
afterAll(async () => {
  for (const one of analysts) await one.close();
  for (const one of folders) await one.remove();
});

async function analystWith(
  change: (manifest: ManifestJson) => ManifestJson,
  options: { frames: number; layout: 'BTCHW' | 'BTHWC'; bytes?: Uint8Array },
): Promise<Analyst> {
  const bytes = options.bytes ?? redSpotter(options);
  const manifest = change(spotterManifest(bytes, options));
  const made = await modelFolder([{ manifest }]);
  folders.push(made);
  await writeFile(join(made.folder, manifest.file), bytes);
  const analyst = createAnalyst({ modelFolders: [made.folder], log: silentLog, clock: systemClock });
  analysts.push(analyst);
  return analyst;
}

function task(media: Media, more: Partial<Task> = {}): Task {
  return { ...media, pass: 'coarse', sport: 'soccer', signal: new AbortController().signal, ...more };
}

function beside(...those: Media[]): NonNullable<Task['neighbours']> {
  return those.map(({ segment, bytes }) => ({ segment, read: async () => bytes }));
}

async function goalsIn(analyst: Analyst, wanted: Task): Promise<number[]> {
  const { spots } = await analyst.analyse(wanted);
  return spots.filter(({ source }) => source === 'red-spotter').map(({ atMs }) => atMs);
}

describe('a spotter', () => {
  it.each(['BTCHW', 'BTHWC'] as const)(
    'with %s input says at which frame something happens, as a signal and a spot',
    async (layout) => {
      const analyst = await analystWith((it) => it, { frames: 4, layout });
      const { signals, spots } = await analyst.analyse(task(flash));
      const signal = signals.find(({ name }) => name === 'red-spotter.goal');
      expect(signal?.unit).toBe('0-1');
      expect(signal?.atMs).toEqual([4000, 4500, 5000, 5500, 6000, 6500, 7000, 7500]);
      expect(signal?.values.map(Math.round)).toEqual([0, 0, 0, 0, 1, 0, 0, 0]);
      expect(spots.filter(({ label }) => label === 'goal')).toMatchObject([
        { atMs: 6000, source: 'red-spotter', evidence: { class: 'goal' } },
      ]);
    },
  );

  it('sees over the border of a segment when the one before it is there, and only then', async () => {
    const analyst = await analystWith((it) => it, { frames: 4, layout: 'BTCHW' });
    expect(await goalsIn(analyst, task(red, { neighbours: beside(flash) }))).toEqual([8000]);
    expect(await goalsIn(analyst, task(red))).toEqual([]);
  });

  it('goes on alone when the segment beside it is broken or gone, and waits when the store does', async () => {
    const analyst = await analystWith((it) => it, { frames: 4, layout: 'BTCHW' });
    const broken = [{ segment: grey.segment, read: async () => grey.bytes.slice(0, 1000) }];
    expect(await goalsIn(analyst, task(flash, { neighbours: broken }))).toEqual([6000]);
    const failing = (retryable: boolean): Task['neighbours'] => [
      {
        segment: grey.segment,
        read: async () => {
          throw new TouchlineError({ code: 'store.x', message: 'no', retryable, blame: 'environment' });
        },
      },
    ];
    expect(await goalsIn(analyst, task(flash, { neighbours: failing(false) ?? [] }))).toEqual([6000]);
    await expect(goalsIn(analyst, task(flash, { neighbours: failing(true) ?? [] }))).rejects.toMatchObject({
      retryable: true,
    });
  });

  it('with a window longer than the segment has it in the middle of the padding', async () => {
    const analyst = await analystWith((it) => it, { frames: 40, layout: 'BTHWC' });
    expect(await goalsIn(analyst, task(flash))).toEqual([6000]);
    expect(await goalsIn(analyst, task(flash, { pass: 'fine', neighbours: beside(grey, red) }))).toEqual([
      6000,
    ]);
    expect(await goalsIn(analyst, task(red, { neighbours: beside(flash) }))).toEqual([8000]);
  });

  it('padded with black takes the first picture for a change, which the nearest one is not', async () => {
    const options = { frames: 40, layout: 'BTHWC' } as const;
    expect(await goalsIn(await analystWith(paddedWithBlack, options), task(red))).toEqual([8000]);
    expect(await goalsIn(await analystWith((it) => it, options), task(red))).toEqual([]);
  });

  it('that asks for more frames than keyframes gets them on candidates, or everywhere when it says so', async () => {
    const options = { frames: 4, layout: 'BTCHW' } as const;
    const onCandidates = await analystWith((it) => ({ ...it, look: 'candidates' }), options);
    expect(await goalsIn(onCandidates, task(flash))).toEqual([]);
    expect(await goalsIn(onCandidates, task(flash, { pass: 'fine' }))).toEqual([6000]);
    const everywhere = await analystWith((it) => it, options);
    const { signals } = await everywhere.analyse(task(flash));
    expect(signals.find(({ name }) => name === 'red-spotter.goal')?.atMs).toHaveLength(8);
    // The others still look at keyframes alone.
    expect(signals.find(({ name }) => name === 'cuts.difference')?.atMs).toHaveLength(1);
  });

  it('is asked about its sports only', async () => {
    const analyst = await analystWith((it) => ({ ...it, sports: ['tennis'] }), {
      frames: 4,
      layout: 'BTCHW',
    });
    expect(await goalsIn(analyst, task(flash))).toEqual([]);
    expect(await goalsIn(analyst, task(flash, { sport: 'tennis' }))).toEqual([6000]);
  });

  it('whose graph thins out time behind free sizes is refused when it shows', async () => {
    const bytes = onnxFile({
      inputs: [{ name: 'frames', type: 'float32', shape: ['B', 'T', 3, 18, 32] }],
      outputs: [{ name: 'logits', type: 'float32', shape: ['B', 'S', 2] }],
      nodes: [
        { op: 'ReduceMean', from: ['frames'], to: 'colours', attributes: { axes: [3, 4], keepdims: 0 } },
        { op: 'Transpose', from: ['colours'], to: 'lanes', attributes: { perm: [0, 2, 1] } },
        { op: 'MaxPool', from: ['lanes'], to: 'thinned', attributes: { kernel_shape: [2], strides: [2] } },
        { op: 'Transpose', from: ['thinned'], to: 'rows', attributes: { perm: [0, 2, 1] } },
        { op: 'MatMul', from: ['rows', 'weights'], to: 'logits' },
      ],
      constants: [{ name: 'weights', dims: [3, 2], values: [0, 1, 0, 1, 0, 1] }],
    });
    const analyst = await analystWith(ofFreeLength, { frames: 4, layout: 'BTCHW', bytes });
    await expect(analyst.analyse(task(flash))).rejects.toMatchObject({
      code: 'model.wrong-shape',
      retryable: false,
    });
    await expect(analyst.analyse(task(flash))).rejects.toThrow(
      /gave \d+ rows of scores where its manifest promises/,
    );
  });
});

describe("a spotter's manifest", () => {
  const options = { frames: 4, layout: 'BTCHW' } as const;
  const bytes = redSpotter(options);
  const good = spotterManifest(bytes, options);

  it.each<[string, ManifestJson, RegExp]>([
    ['no window', { ...good, window: undefined }, /window: is missing: how many frames/],
    [
      'a window of other length',
      { ...good, window: { ...window(good), frames: 5 } },
      /has 4 frames, "window" says 5/,
    ],
    [
      'holes between windows',
      { ...good, window: { ...window(good), stride: 5 } },
      /stride: must not exceed frames \(4\)/,
    ],
    [
      'a receptive field that no window holds',
      { ...good, window: { ...window(good), receptiveField: 8 } },
      /receptiveField: must not exceed 7/,
    ],
    [
      'the middle alone of every other window',
      { ...good, window: { ...window(good), anchor: 'middle' } },
      /stride: must be 1 where only the middle.*must be \[B, K\] for anchor "middle"/,
    ],
    [
      'pictures one by one',
      { ...good, inputs: [{ ...video(good), layout: 'BCHW' }] },
      /layout: must be BTCHW or BTHWC/,
    ],
    [
      'a class that is none',
      { ...good, signals: { Gaol: { event: 'goal' } } },
      /signals\.Gaol: is none of the classes/,
    ],
    [
      'a window for another task',
      { ...good, task: 'frame-classifier' },
      /window: is for task "spotter" only/,
    ],
  ])('with %s is refused before the model is opened', async (_what, manifest, message) => {
    const { folder, remove } = await modelFolder([{ manifest }]);
    try {
      await expect(readModelFolder(folder)).rejects.toMatchObject({ code: 'model.bad-manifest' });
      await expect(readModelFolder(folder)).rejects.toThrow(message);
    } finally {
      await remove();
    }
  });

  it.each<[string, (manifest: ManifestJson) => ManifestJson, string, RegExp]>([
    [
      'windows of another length than the model has',
      (it) => ({
        ...it,
        window: { ...window(it), frames: 6 },
        inputs: [{ ...video(it), shape: ['B', 6, 3, 18, 32] }],
        outputs: it.outputs.map((output) => ({ ...output, shape: ['B', 6, 2] })),
      }),
      'model.wrong-shape',
      /input "frames" is \[B, 4, 3, 18, 32\], the manifest says \[B, 6, 3, 18, 32\]/,
    ],
    [
      'classes that the model has no columns for',
      (it) => ({
        ...it,
        outputs: it.outputs.map((output) => ({
          ...output,
          shape: ['B', 4, 3],
          classes: ['background', 'goal', 'card'],
        })),
      }),
      'model.wrong-shape',
      /output "logits" is \[B, 4, 2\], the manifest says \[B, 4, 3\]/,
    ],
    [
      'another result of the self-test',
      (it) => ({ ...it, selftest: { output: 'logits', expect: { '0': 99 } } }),
      'model.selftest',
      /logits\[0\] is -?[\d.]+ instead of 99/,
    ],
  ])('with %s is refused against the model itself', async (_what, change, code, message) => {
    const analyst = await analystWith(change, options);
    await expect(analyst.ready()).rejects.toMatchObject({ code, retryable: false });
    await expect(analyst.ready()).rejects.toThrow(message);
  });

  it('with the right self-test is taken', async () => {
    // The first frame of a window has nothing before it: what comes out is the bias.
    const analyst = await analystWith(
      (it) => ({ ...it, selftest: { output: 'logits', expect: { '0': 3, '1': -3 } } }),
      options,
    );
    await expect(analyst.ready()).resolves.toBeUndefined();
  });
});

function greyButRed(enable: string): string {
  return `color=c=gray:SIZE,drawbox=x=0:y=0:w=iw:h=ih:color=red:t=fill:enable='${enable}'`;
}

function paddedWithBlack(manifest: ManifestJson): ManifestJson {
  return { ...manifest, window: { ...window(manifest), pad: 'zero' } };
}

function ofFreeLength(manifest: ManifestJson): ManifestJson {
  return { ...manifest, outputs: manifest.outputs.map((output) => ({ ...output, shape: ['B', 'S', 2] })) };
}

function window(manifest: ManifestJson): NonNullable<ManifestJson['window']> {
  return manifest.window ?? { frames: 0, stride: 0 };
}

function video(manifest: ManifestJson): Extract<ManifestJson['inputs'][number], { media: 'video' }> {
  const [input] = manifest.inputs;
  if (input?.media !== 'video') throw new Error('the fixture has no video input');
  return input;
}
