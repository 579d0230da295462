import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { InferenceSession, Tensor } from '../../../analytics/inference/onnx-runtime.ts';
import { lightenGraph } from '../../../analytics/inference/lighten-graph.ts';
import { builtInModel } from '../../../analytics/inference/model-folder.ts';
import { readGraph } from '../../../analytics/inference/onnx-graph.ts';
import { onnxFile, type OnnxGraph } from '../support/onnx-file.ts';

type Node = OnnxGraph['nodes'][number];

const size = 6;

/** Two channels in, two convolutions and what stands between and behind them. */
function modelOf(nodes: Node[], output = 'out', constants: OnnxGraph['constants'] = []): Uint8Array {
  return onnxFile({
    inputs: [{ name: 'in', type: 'float32', shape: [1, 2, size, size] }],
    outputs: [{ name: output, type: 'float32', shape: [1, 'channels', 'height', 'width'] }],
    nodes,
    constants: [
      { name: 'wide', dims: [4, 2, 3, 3], values: numbers(72) },
      { name: 'narrow', dims: [3, 4, 1, 1], values: numbers(12) },
      { name: 'narrow.bias', dims: [3], values: [0.5, -1, 2] },
      { name: 'deep', dims: [4, 1, 3, 3], values: numbers(36) },
      ...Object.entries({ three: 3, six: 6, low: 0, high: 6, factor: 1.7, offset: -0.4, five: 5 }).map(
        ([name, value]) => ({ name, dims: name === 'low' || name === 'high' ? [] : [1], values: [value] }),
      ),
      ...constants,
    ],
  });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => Math.sin(at * 12.9898) * 0.8);
}

const first: Node = { op: 'Conv', from: ['in', 'wide'], to: 'first', attributes: { pads: [1, 1, 1, 1] } };
function scaled(from: string, to: string): Node[] {
  return [
    { op: 'Mul', from: ['factor', from], to: `${to}.times` },
    { op: 'Add', from: [`${to}.times`, 'offset'], to },
  ];
}
function hardSwish(from: string, to: string, over = 'six'): Node[] {
  return [
    { op: 'Add', from: [from, 'three'], to: `${to}.plus` },
    { op: 'Clip', from: [`${to}.plus`, 'low', 'high'], to: `${to}.clip` },
    { op: 'Mul', from: [from, `${to}.clip`], to: `${to}.times` },
    { op: 'Div', from: [`${to}.times`, over], to },
  ];
}
const plain = (from: string): Node => ({ op: 'Conv', from: [from, 'narrow', 'narrow.bias'], to: 'out' });
const padded = (from: string): Node => ({
  op: 'Conv',
  from: [from, 'deep'],
  to: 'out',
  attributes: { group: 4, pads: [1, 1, 1, 1] },
});

async function outcome(file: Uint8Array, name: string, dims: number[]): Promise<Float32Array> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const count = dims.reduce((product, dim) => product * dim, 1);
  // Strokes on a panel: what a text detector takes for text.
  const width = dims.at(-1) ?? 1;
  const data = Float32Array.from({ length: count }, (_, at) => {
    const [x, y] = [at % width, Math.floor(at / width) % (dims.at(-2) ?? 1)];
    const isInside = x > 10 && x < width - 10 && y > 20 && y < 44;
    return (isInside && x % 12 < 4 ? 2 : -1.5) + 0.2 * Math.sin(at * 78.233);
  });
  const found = await session.run({ [session.inputNames[0] ?? '']: new Tensor('float32', data, dims) });
  return found[name]?.data as Float32Array;
}

function ops(file: Uint8Array): string[] {
  return readGraph(file).nodes.map((node) => node.op);
}

function furthest(one: Float32Array, other: Float32Array): number {
  return one.reduce((most, value, at) => Math.max(most, Math.abs(value - (other[at] ?? NaN))), 0);
}

describe('a graph made lighter', () => {
  it.each<[string, Node[], string[]]>([
    ['a factor and an offset behind a convolution', [first, ...scaled('first', 'out')], ['Conv']],
    ['a hard swish', [first, ...hardSwish('first', 'out')], ['Conv', 'HardSigmoid', 'Mul']],
    [
      'all of it, before a convolution without padding',
      [first, ...scaled('first', 'a'), ...hardSwish('a', 'b'), ...scaled('b', 'c'), plain('c')],
      ['Conv', 'HardSigmoid', 'Mul', 'Conv'],
    ],
    [
      'all of it, before a convolution whose padding must not get the offset',
      [first, ...scaled('first', 'a'), ...hardSwish('a', 'b'), ...scaled('b', 'c'), padded('c')],
      ['Conv', 'HardSigmoid', 'Mul', 'Conv', 'Conv'],
    ],
    [
      'a factor alone, which padding does not mind',
      [first, ...hardSwish('first', 'b'), { op: 'Mul', from: ['b', 'factor'], to: 'c' }, padded('c')],
      ['Conv', 'HardSigmoid', 'Mul', 'Conv'],
    ],
  ])('gives the same for %s', async (_what, nodes, left) => {
    const file = modelOf(nodes);
    const light = lightenGraph(file);
    expect(ops(light)).toEqual(left);
    const [expected, found] = await Promise.all(
      [file, light].map(async (one) => await outcome(one, 'out', [1, 2, size, size])),
    );
    expect(expected).toHaveLength((expected?.length ?? 0) > 0 ? (found?.length ?? 0) : NaN);
    expect(furthest(expected ?? new Float32Array(), found ?? new Float32Array())).toBeLessThan(1e-5);
  });

  it.each<[string, Uint8Array]>([
    ['a swish of another shape', modelOf([first, ...hardSwish('first', 'out', 'five')])],
    [
      'a value that somebody else needs as well',
      modelOf([
        first,
        { op: 'Mul', from: ['first', 'factor'], to: 'times' },
        { op: 'Add', from: ['times', 'first'], to: 'out' },
      ]),
    ],
    ['a value that the graph gives out', modelOf([first, ...scaled('first', 'out')], 'first')],
    ['no protobuf', Uint8Array.of(255, 255, 255)],
  ])('is left as it is with %s', (_what, file) => {
    expect(lightenGraph(file)).toBe(file);
  });

  it.each([
    ['pp-ocrv4-det', [1, 3, 64, 96], 24],
    ['pp-ocrv4-rec', [1, 3, 48, 96], 28],
  ] as const)('is %s, with the same outcome', async (id, dims, swishCount) => {
    const { manifest, path } = await builtInModel(id);
    const file = await readFile(path);
    const light = lightenGraph(file);
    expect(ops(file).filter((op) => op === 'Clip')).toHaveLength(swishCount);
    expect(ops(light).filter((op) => op === 'Clip')).toHaveLength(0);
    expect(light.length).toBeLessThan(file.length * 1.05);
    const name = manifest.outputs[0]?.name ?? '';
    const [expected = new Float32Array(), found = new Float32Array()] = await Promise.all(
      [file, light].map(async (one) => await outcome(one, name, [...dims])),
    );
    const largest = Math.max(...expected);
    expect(largest).toBeGreaterThan(0.001);
    expect(furthest(expected, found)).toBeLessThan(0.001 * largest);
  });
});
