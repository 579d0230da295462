/**
 * Writes small ONNX graphs, so that tests can bring models of any shape without weights of anybody: the protobuf of
 * onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3), as far as these need it.
 */
export function onnxFile(graph: OnnxGraph): Uint8Array {
  return message(
    [1, 8], // ir_version
    [8, message([1, ''], [2, 13])], // opset_import: domain, version
    [
      7,
      message(
        ...graph.nodes.map(node),
        [2, 'graph'],
        ...graph.constants.map(constant),
        ...graph.inputs.map((value): Field => [11, valueInfo(value)]),
        ...graph.outputs.map((value): Field => [12, valueInfo(value)]),
      ),
    ],
  );
}

export interface OnnxGraph {
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  nodes: { op: string; from: string[]; to: string; attributes?: Record<string, number | number[]> }[];
  constants: { name: string; dims: number[]; values: number[] }[];
}

interface OnnxValue {
  name: string;
  type: 'float32' | 'uint8';
  /** A letter stands for a free size. */
  shape: (number | string)[];
}

/**
 * A spotter that knows one thing: when the picture turns red. Its class is the rise of red from the frame before, so it needs
 * a frame before; in logits. For windows of `frames` pictures of 32x18.
 */
export function redSpotter(options: { frames: number; layout: 'BTCHW' | 'BTHWC' }): Uint8Array {
  const { frames, layout } = options;
  const isPlanar = layout === 'BTCHW';
  const riseOf = Array.from({ length: frames * frames }, (_, at) => {
    const [row, column] = [Math.floor(at / frames), at % frames];
    return row === 0 ? 0 : Number(column === row) - Number(column === row - 1);
  });
  return onnxFile({
    inputs: [
      {
        name: 'frames',
        type: isPlanar ? 'float32' : 'uint8',
        shape: isPlanar ? ['B', frames, 3, 18, 32] : ['B', frames, 18, 32, 3],
      },
    ],
    outputs: [{ name: 'logits', type: 'float32', shape: ['B', frames, 2] }],
    nodes: [
      { op: 'Cast', from: ['frames'], to: 'floats', attributes: { to: 1 } },
      {
        op: 'ReduceMean',
        from: ['floats'],
        to: 'colours',
        attributes: { axes: isPlanar ? [3, 4] : [2, 3], keepdims: 0 },
      },
      { op: 'MatMul', from: ['rise', 'colours'], to: 'rises' },
      { op: 'MatMul', from: ['rises', 'weights'], to: 'weighed' },
      { op: 'Add', from: ['weighed', 'bias'], to: 'logits' },
    ],
    constants: [
      { name: 'rise', dims: [frames, frames], values: riseOf },
      // Red counts for the class, green and blue against it; in bytes, or in shares when the manifest scales.
      {
        name: 'weights',
        dims: [3, 2],
        values: [0, 1, 0, -1, 0, -1].map((value) => value * (isPlanar ? 25.5 : 0.1)),
      },
      { name: 'bias', dims: [2], values: [3, -3] },
    ],
  });
}

type Field = [number: number, value: number | string | Uint8Array];

function message(...fields: Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [varint(number * 8), varint(value)];
      const bytes = Buffer.from(value as string);
      return [varint(number * 8 + 2), varint(bytes.length), bytes];
    }),
  );
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    if (rest < 128) return Uint8Array.from(bytes);
  }
}

function node({ op, from, to, attributes = {} }: OnnxGraph['nodes'][number]): Field {
  const fields: Field[] = [
    ...from.map((name): Field => [1, name]),
    [2, to],
    [4, op],
    ...Object.entries(attributes).map(([name, value]): Field => [5, attribute(name, value)]),
  ];
  return [1, message(...fields)];
}

function attribute(name: string, value: number | number[]): Uint8Array {
  return typeof value === 'number'
    ? message([1, name], [3, value], [20, 2])
    : message([1, name], ...value.map((one): Field => [8, one]), [20, 7]);
}

function constant({ name, dims, values }: OnnxGraph['constants'][number]): Field {
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  return [5, message(...dims.map((size): Field => [1, size]), [2, 1], [8, name], [9, bytes])];
}

function valueInfo({ name, type, shape }: OnnxValue): Uint8Array {
  const sizes = shape.map((size): Field => [
    1,
    typeof size === 'number' ? message([1, size]) : message([2, size]),
  ]);
  const tensor = message([1, type === 'float32' ? 1 : 2], [2, message(...sizes)]);
  return message([1, name], [2, message([1, tensor])]);
}
