/**
 * An ONNX file taken apart as far as somebody has to change it: the protobuf of onnx.proto3
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3). What is not understood is kept as it came.
 */
export interface OnnxGraph {
  nodes: OnnxNode[];
  /** Everything that is constant, by name: initializers and `Constant` nodes. Of other types than float, undefined. */
  constants: Map<string, FloatTensor | undefined>;
  /** Names that come out of the graph. */
  outputs: ReadonlySet<string>;
}

export interface OnnxNode {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Uint8Array>;
  /** As it came, for who changes nothing. */
  raw: Uint8Array | undefined;
}

export interface FloatTensor {
  dims: number[];
  values: Float32Array;
}

/** @throws RangeError when the bytes are not what they have to be */
export function readGraph(file: Uint8Array): OnnxGraph {
  const graph = parse(bytesOf(parse(file), field.model.graph));
  const nodes = all(graph, field.graph.node).map(readNode);
  const constants: OnnxGraph['constants'] = new Map();
  for (const bytes of all(graph, field.graph.initializer)) {
    const tensor = parse(bytes);
    constants.set(text(bytesOf(tensor, field.tensor.name)), readTensor(tensor));
  }
  for (const { op, outputs, attributes } of nodes) {
    const value = attributes.get('value');
    if (op !== 'Constant' || !value) continue;
    constants.set(outputs[0] ?? '', readTensor(parse(bytesOf(parse(value), field.attribute.tensor))));
  }
  // What may be given from outside is no constant.
  for (const input of all(graph, field.graph.input)) constants.delete(nameOf(input));
  return { nodes, constants, outputs: new Set(all(graph, field.graph.output).map(nameOf)) };
}

/** The file with other nodes, and with constants besides its own. */
export function writeGraph(
  file: Uint8Array,
  changes: { nodes: readonly OnnxNode[]; added: ReadonlyMap<string, FloatTensor> },
): Uint8Array {
  const model = parse(file);
  const graph = parse(bytesOf(model, field.model.graph)).filter(([number]) => number !== field.graph.node);
  const nodes = changes.nodes.map((node): Field => [field.graph.node, node.raw ?? writeNode(node)]);
  const added = [...changes.added].map(([name, { dims, values }]): Field => {
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const shape = dims.map((size): Field => [field.tensor.dims, size]);
    return [
      field.graph.initializer,
      write([
        ...shape,
        [field.tensor.type, floatType],
        [field.tensor.name, encode(name)],
        [field.tensor.raw, raw],
      ]),
    ];
  });
  const written = write([...nodes, ...added, ...graph]);
  return write(model.map((one): Field => (one[0] === field.model.graph ? [one[0], written] : one)));
}

export function floatAttribute(name: string, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return write([
    [field.attribute.name, encode(name)],
    [field.attribute.float, { fixed: bytes }],
    [field.attribute.type, 1],
  ]);
}

export function intAttribute(name: string, value: number): Uint8Array {
  return write([
    [field.attribute.name, encode(name)],
    [field.attribute.int, value],
    [field.attribute.type, 2],
  ]);
}

/** The value of a float, int or ints attribute as numbers; empty when there is none. */
export function numbersOf(node: OnnxNode, attribute: string): number[] {
  const bytes = node.attributes.get(attribute);
  if (!bytes) return [];
  return parse(bytes).flatMap(([number, value]): number[] => {
    if (number === field.attribute.float && typeof value === 'object' && 'fixed' in value)
      return [view(value.fixed).getFloat32(0, true)];
    if (number === field.attribute.int && typeof value === 'number') return [value];
    if (number === field.attribute.ints) return packed(value);
    return [];
  });
}

/** The nodes of a graph that a node holds (`then_branch` of `If`), and the names that come out of it. */
export function innerGraph(
  node: OnnxNode,
  attribute: string,
): { nodes: OnnxNode[]; outputs: string[] } | undefined {
  const [graph] = all(parse(node.attributes.get(attribute) ?? new Uint8Array()), field.attribute.graph);
  if (!graph) return undefined;
  const fields = parse(graph);
  return {
    nodes: all(fields, field.graph.node).map(readNode),
    outputs: all(fields, field.graph.output).map(nameOf),
  };
}

/** A node that holds a graph of its own (`If`, `Loop`): names of this graph may be used in there. */
export function holdsGraph(node: OnnxNode): boolean {
  return [...node.attributes.values()].some((bytes) =>
    parse(bytes).some(([number]) => number === field.attribute.graph || number === field.attribute.graphs),
  );
}

const field = {
  model: { graph: 7 },
  graph: { node: 1, initializer: 5, input: 11, output: 12 },
  node: { input: 1, output: 2, op: 4, attribute: 5 },
  attribute: { name: 1, float: 2, int: 3, tensor: 5, graph: 6, ints: 8, graphs: 11, type: 20 },
  tensor: { dims: 1, type: 2, floats: 4, name: 8, raw: 9 },
} as const;
const floatType = 1;

function readNode(raw: Uint8Array): OnnxNode {
  const fields = parse(raw);
  const attributes = all(fields, field.node.attribute).map((bytes) => [nameOf(bytes), bytes] as const);
  return {
    op: text(bytesOf(fields, field.node.op)),
    inputs: all(fields, field.node.input).map(text),
    outputs: all(fields, field.node.output).map(text),
    attributes: new Map(attributes),
    raw,
  };
}

function writeNode({ op, inputs, outputs, attributes }: OnnxNode): Uint8Array {
  return write([
    ...inputs.map((name): Field => [field.node.input, encode(name)]),
    ...outputs.map((name): Field => [field.node.output, encode(name)]),
    [field.node.op, encode(op)],
    ...[...attributes.values()].map((bytes): Field => [field.node.attribute, bytes]),
  ]);
}

function readTensor(fields: readonly Field[]): FloatTensor | undefined {
  const isFloat = fields.some(([number, value]) => number === field.tensor.type && value === floatType);
  const dims = fields.flatMap(([number, value]): number[] => {
    return number === field.tensor.dims ? packed(value) : [];
  });
  const raw = all(fields, field.tensor.raw)[0];
  const count = dims.reduce((size, dim) => size * dim, 1);
  if (!isFloat || raw?.length !== 4 * count) return undefined;
  return { dims, values: new Float32Array(new Uint8Array(raw).buffer) };
}

/** Number and value: a varint, the bytes of a length-delimited field, or those of a fixed one. */
type Field = [number: number, value: number | Uint8Array | { fixed: Uint8Array }];

function parse(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw new RangeError('no protobuf: a number without end');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  const take = (count: number): Uint8Array => {
    if (count < 0 || at + count > bytes.length) throw new RangeError('no protobuf: a field is cut short');
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag & 7;
    if (wire === 0) fields.push([number, varint()]);
    else if (wire === 1) fields.push([number, { fixed: take(8) }]);
    else if (wire === 2) fields.push([number, take(varint())]);
    else if (wire === 5) fields.push([number, { fixed: take(4) }]);
    else throw new RangeError(`no protobuf: wire type ${wire}`);
  }
  return fields;
}

function write(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.flatMap(([number, value]): Uint8Array[] => {
      if (typeof value === 'number') return [varintBytes(number * 8), varintBytes(value)];
      if (value instanceof Uint8Array) return [varintBytes(number * 8 + 2), varintBytes(value.length), value];
      return [varintBytes(number * 8 + (value.fixed.length === 4 ? 5 : 1)), value.fixed];
    }),
  );
}

function varintBytes(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

function packed(bytes: Field[1]): number[] {
  if (typeof bytes === 'number') return [bytes];
  if (!(bytes instanceof Uint8Array)) return [];
  // The same bytes as varint fields without their tags.
  const numbers: number[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte >= 128) continue;
    numbers.push(Number(BigInt.asIntN(64, value)));
    value = shift = 0n;
  }
  return numbers;
}

function all(fields: readonly Field[], number: number): Uint8Array[] {
  return fields.flatMap(([one, value]) => (one === number && value instanceof Uint8Array ? [value] : []));
}

function bytesOf(fields: readonly Field[], number: number): Uint8Array {
  return all(fields, number)[0] ?? new Uint8Array();
}

/** Of a value, a tensor's description or an attribute: their first field. */
function nameOf(bytes: Uint8Array): string {
  return text(bytesOf(parse(bytes), 1));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function encode(value: string): Uint8Array {
  return Buffer.from(value, 'utf8');
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
