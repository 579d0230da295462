import {
  floatAttribute,
  holdsGraph,
  intAttribute,
  numbersOf,
  readGraph,
  writeGraph,
  type FloatTensor,
  type OnnxGraph,
  type OnnxNode,
} from './onnx-graph.ts';

/**
 * The same model with less arithmetic. What PaddlePaddle exports puts eight passes over the whole map behind each
 * convolution (a factor, an offset, a hard swish in four steps, a factor, an offset), and each of them also takes the map
 * out of the blocked layout in which onnxruntime convolves. Factors and offsets go into the weights instead, and a
 * hard swish becomes the two operators that it is. Equal but for rounding; models without such chains stay as they are.
 */
export function lightenGraph(file: Uint8Array): Uint8Array {
  try {
    const graph = readGraph(file);
    return graph.nodes.some(holdsGraph) ? file : new Lightening(graph).write(file);
  } catch (thrown) {
    if (thrown instanceof RangeError) return file; // Whoever loads it says what is wrong with it.
    throw thrown;
  }
}

/** `value * factor + offset` over a whole map. */
interface Affine {
  factor: number;
  offset: number;
}

class Lightening {
  readonly #graph: OnnxGraph;
  readonly #added = new Map<string, FloatTensor>();
  #addedCount = 0;
  readonly #producer = new Map<string, OnnxNode>();
  readonly #users = new Map<string, OnnxNode[]>();
  readonly #gone = new Set<OnnxNode>();

  constructor(graph: OnnxGraph) {
    this.#graph = graph;
    for (const node of graph.nodes) {
      for (const name of node.outputs) this.#producer.set(name, node);
      for (const name of node.inputs) this.#users.set(name, [...(this.#users.get(name) ?? []), node]);
    }
  }

  write(file: Uint8Array): Uint8Array {
    for (const node of this.#graph.nodes) if (node.op === 'Clip') this.#simplifyHardSwish(node);
    for (const node of this.#graph.nodes) if (!this.#gone.has(node)) this.#absorb(node);
    if (this.#gone.size === 0) return file;
    const kept = this.#graph.nodes.filter((node) => !this.#gone.has(node));
    const used = new Set([...kept.flatMap((node) => node.inputs), ...this.#graph.outputs]);
    // Weights that were replaced would be carried along.
    const nodes = kept.filter(
      (node) => node.op !== 'Constant' || node.outputs.some((name) => used.has(name)),
    );
    return writeGraph(file, { nodes, added: this.#added });
  }

  /** `v * clip(v + 3, 0, 6) / 6` is `v * hardSigmoid(v)` with a slope of 1/6. */
  #simplifyHardSwish(clip: OnnxNode): void {
    const [from = '', low = '', high = ''] = clip.inputs;
    const plus = this.#producer.get(from);
    const min = numbersOf(clip, 'min')[0] ?? this.#scalar(low);
    const max = numbersOf(clip, 'max')[0] ?? this.#scalar(high);
    const times = this.#onlyUser(clip);
    const over = times && this.#onlyUser(times);
    if (min !== 0 || max !== 6 || plus?.op !== 'Add' || times?.op !== 'Mul' || over?.op !== 'Div') return;
    const value = plus.inputs.find((name) => this.#scalar(name) === undefined);
    const hasShape = plus.inputs.some((name) => this.#scalar(name) === 3) && this.#onlyUser(plus) === clip;
    if (value === undefined || !hasShape || !times.inputs.includes(value)) return;
    if (this.#scalar(over.inputs[1] ?? '') !== 6) return;
    this.#replace(plus, [
      'HardSigmoid',
      [value],
      clip.outputs,
      { alpha: floatAttribute('alpha', 1 / 6), beta: floatAttribute('beta', 0.5) },
    ]);
    this.#replace(over, ['Mul', [value, clip.outputs[0] ?? ''], over.outputs, {}]);
    for (const node of [clip, times]) this.#drop(node);
  }

  /** Takes the factors and offsets behind a node away, where a convolution before or behind them can hold them. */
  #absorb(node: OnnxNode): void {
    const channelCount = this.#channelCount(node);
    if (channelCount === undefined) return;
    const chain: OnnxNode[] = [];
    const affine = { factor: 1, offset: 0 };
    for (let last = node; ;) {
      const next = this.#onlyUser(last);
      const step = next && this.#affineOf(next);
      if (!next || !step) break;
      affine.factor *= step.factor;
      affine.offset = affine.offset * step.factor + step.offset;
      chain.push(next);
      last = next;
    }
    const end = chain.at(-1);
    if (!end) return;
    if (node.op === 'Conv') {
      this.#scaleOutput(node, affine);
      this.#bypass(node, chain);
      return;
    }
    const users = this.#users.get(end.outputs[0] ?? '') ?? [];
    const canHold = users.every(
      (user) => user.op === 'Conv' && this.#weightsOf(user) && (affine.offset === 0 || !isPadded(user)),
    );
    if (canHold && users.length > 0 && !this.#graph.outputs.has(end.outputs[0] ?? '')) {
      for (const user of users) this.#scaleInput(user, affine);
      this.#bypass(node, chain);
      return;
    }
    // A convolution of one pixel and one channel each stays in the blocked layout; a product with a number does not.
    const weights = this.#add({
      dims: [channelCount, 1, 1, 1],
      values: new Float32Array(channelCount).fill(affine.factor),
    });
    const bias = this.#add({
      dims: [channelCount],
      values: new Float32Array(channelCount).fill(affine.offset),
    });
    const from = node.outputs[0] ?? '';
    for (const one of chain.slice(0, -1)) this.#drop(one);
    this.#replace(end, [
      'Conv',
      [from, weights, bias],
      end.outputs,
      { group: intAttribute('group', channelCount) },
    ]);
  }

  /** Of a map that comes out of a convolution, also by way of a hard swish; undefined for all else. */
  #channelCount(node: OnnxNode, depth = 0): number | undefined {
    if (node.op === 'Conv') {
      const weights = this.#weightsOf(node);
      return weights?.dims.length === 4 ? weights.dims[0] : undefined;
    }
    if ((node.op !== 'Mul' && node.op !== 'HardSigmoid') || depth > 2) return undefined;
    const from = node.inputs.map((name) => this.#producer.get(name));
    const counts = from.map((one) => one && this.#channelCount(one, depth + 1));
    return counts.every((count) => count !== undefined && count === counts[0]) ? counts[0] : undefined;
  }

  #affineOf(node: OnnxNode): Affine | undefined {
    const [one = '', other = ''] = node.inputs;
    const right = this.#scalar(other);
    const scalar = right ?? this.#scalar(one);
    if (scalar === undefined) return undefined;
    if (node.op === 'Mul') return { factor: scalar, offset: 0 };
    if (node.op === 'Add') return { factor: 1, offset: scalar };
    return node.op === 'Div' && right !== undefined ? { factor: 1 / right, offset: 0 } : undefined;
  }

  #scaleOutput(conv: OnnxNode, { factor, offset }: Affine): void {
    const weights = this.#weightsOf(conv);
    if (!weights) return;
    const bias = this.#biasOf(conv, weights);
    this.#setWeights(conv, {
      weights: { ...weights, values: weights.values.map((value) => value * factor) },
      bias: bias.map((value) => value * factor + offset),
    });
  }

  #scaleInput(conv: OnnxNode, { factor, offset }: Affine): void {
    const weights = this.#weightsOf(conv);
    if (!weights) return;
    const perOutput = weights.values.length / (weights.dims[0] ?? 1);
    const bias = this.#biasOf(conv, weights).map((value, output) => {
      const own = weights.values.subarray(output * perOutput, (output + 1) * perOutput);
      return value + offset * own.reduce((sum, weight) => sum + weight, 0);
    });
    this.#setWeights(conv, {
      weights: { ...weights, values: weights.values.map((value) => value * factor) },
      bias,
    });
  }

  #setWeights(conv: OnnxNode, { weights, bias }: { weights: FloatTensor; bias: Float32Array }): void {
    for (const name of conv.inputs.slice(1)) this.#added.delete(name); // Changed for the second time.
    conv.inputs = [
      conv.inputs[0] ?? '',
      this.#add(weights),
      this.#add({ dims: [bias.length], values: bias }),
    ];
    conv.raw = undefined;
  }

  #weightsOf(conv: OnnxNode): FloatTensor | undefined {
    const [, weights = '', bias] = conv.inputs;
    return bias === undefined || this.#constant(bias) ? this.#constant(weights) : undefined;
  }

  #biasOf(conv: OnnxNode, weights: FloatTensor): Float32Array {
    return this.#constant(conv.inputs[2] ?? '')?.values ?? new Float32Array(weights.dims[0] ?? 0);
  }

  #add(tensor: FloatTensor): string {
    const name = `lightened.${(this.#addedCount += 1)}`;
    this.#added.set(name, tensor);
    return name;
  }

  #constant(name: string): FloatTensor | undefined {
    return this.#added.get(name) ?? this.#graph.constants.get(name);
  }

  #scalar(name: string): number | undefined {
    const constant = this.#constant(name);
    // A number of more dimensions than the map would add some to it.
    return constant?.values.length === 1 && constant.dims.length <= 4 ? constant.values[0] : undefined;
  }

  #onlyUser(node: OnnxNode): OnnxNode | undefined {
    const name = node.outputs[0] ?? '';
    const users = this.#users.get(name) ?? [];
    return users.length === 1 && node.outputs.length === 1 && !this.#graph.outputs.has(name)
      ? users[0]
      : undefined;
  }

  /** The node gives out by itself what the last of the chain gave out. */
  #bypass(node: OnnxNode, chain: readonly OnnxNode[]): void {
    const end = chain.at(-1)?.outputs[0] ?? '';
    for (const one of chain) this.#drop(one);
    node.outputs = [end];
    node.raw = undefined;
    this.#producer.set(end, node);
  }

  #replace(
    node: OnnxNode,
    [op, inputs, outputs, attributes]: [string, string[], string[], Record<string, Uint8Array>],
  ): void {
    for (const name of node.inputs) this.#unuse(name, node);
    Object.assign(node, {
      op,
      inputs,
      outputs,
      attributes: new Map(Object.entries(attributes)),
      raw: undefined,
    });
    for (const name of inputs) this.#users.set(name, [...(this.#users.get(name) ?? []), node]);
    for (const name of outputs) this.#producer.set(name, node);
  }

  #drop(node: OnnxNode): void {
    this.#gone.add(node);
    for (const name of node.inputs) this.#unuse(name, node);
  }

  #unuse(name: string, node: OnnxNode): void {
    this.#users.set(
      name,
      (this.#users.get(name) ?? []).filter((one) => one !== node),
    );
  }
}

function isPadded(conv: OnnxNode): boolean {
  const pads = numbersOf(conv, 'pads');
  return conv.attributes.has('auto_pad') || pads.some((pad) => pad !== 0);
}
