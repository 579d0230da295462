import { intAttribute, innerGraph, readGraph, writeGraph, type OnnxNode } from './onnx-graph.ts';

/**
 * Silero VAD listens to one window of 32 ms a call and hands its state on to the next: 31 calls of thirty small operators for
 * a second of sound. This is the same model for all windows of a sequence in one call: what each window is turned into before
 * the state comes in is computed for all at once, and the cell that was written out in single operators is the LSTM that it
 * is. It begins with the state zero; the input `state` has no influence any more.
 *
 * @returns undefined for every other model
 */
export function wholeSequence(file: Uint8Array): Uint8Array | undefined {
  try {
    const graph = readGraph(file);
    const choice = graph.nodes.find((node) => node.op === 'If' && node.outputs.join() === 'output,stateN');
    const branch = choice && innerGraph(choice, 'then_branch');
    const [inputWeights, stateWeights, inputBias, stateBias] = cell.weights.map((name) =>
      graph.constants.get(name),
    );
    if (!branch || !inputWeights || !stateWeights || !inputBias || !stateBias) return undefined;
    const isOfTheCell = findCell(branch.nodes);
    const kept = branch.nodes.filter((node) => !isOfTheCell(node));
    const known = new Set([...kept, ...branch.nodes].flatMap((node) => node.outputs));
    if (!known.has(cell.input) || !known.has(cell.output) || !graph.constants.has(cell.one)) return undefined;
    const before = kept.filter((node) => !follows(node, cell.output, kept));
    const behind = kept.filter((node) => !before.includes(node));
    const [hiddenSize = 0] = [stateWeights.dims[1]];
    return writeGraph(file, {
      nodes: [
        ...before,
        made('Unsqueeze', [cell.input, cell.one], 'sequence'),
        made('LSTM', ['sequence', 'cell.w', 'cell.r', 'cell.b'], 'hidden', [['hidden_size', hiddenSize]]),
        made('Squeeze', ['hidden', cell.one], 'hidden.batch'),
        made('Squeeze', ['hidden.batch', cell.one], cell.output),
        ...behind,
        made('Identity', [branch.outputs[0] ?? ''], 'output'),
        made('Identity', ['state'], 'stateN'),
      ],
      added: new Map([
        ['cell.w', { dims: [1, ...inputWeights.dims], values: inOnnxOrder(inputWeights.values) }],
        ['cell.r', { dims: [1, ...stateWeights.dims], values: inOnnxOrder(stateWeights.values) }],
        [
          'cell.b',
          {
            dims: [1, 2 * inputBias.values.length],
            values: Float32Array.from([...inOnnxOrder(inputBias.values), ...inOnnxOrder(stateBias.values)]),
          },
        ],
      ]),
    });
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined; // Whoever loads it says what is wrong with it.
    throw thrown;
  }
}

/** Names in the file whose hash the manifest of `silero-vad` gives. */
const cell = {
  weights: [
    'model.decoder.rnn.weight_ih',
    'model.decoder.rnn.weight_hh',
    'model.decoder.rnn.bias_ih',
    'model.decoder.rnn.bias_hh',
  ],
  input: 'select',
  output: 'mul_182',
  /** The constant [1], for axes. */
  one: 'val_30',
} as const;

/** Everything that needs the state, but for what stands behind the new hidden state. */
function findCell(nodes: readonly OnnxNode[]): (node: OnnxNode) => boolean {
  const behind = nodes.filter((node) => follows(node, cell.output, nodes));
  const isState = (node: OnnxNode): boolean =>
    behind.includes(node) && feeds(node, 'stack_true_graph_0', nodes);
  return (node) => isState(node) || (follows(node, 'state', nodes) && !behind.includes(node));
}

function follows(node: OnnxNode, name: string, nodes: readonly OnnxNode[]): boolean {
  return node.inputs.some(
    (input) =>
      input === name || nodes.some((other) => other.outputs.includes(input) && follows(other, name, nodes)),
  );
}

function feeds(node: OnnxNode, name: string, nodes: readonly OnnxNode[]): boolean {
  return node.outputs.some(
    (output) =>
      output === name || nodes.some((other) => other.inputs.includes(output) && feeds(other, name, nodes)),
  );
}

/** PyTorch's gates are input, forget, cell, output; ONNX's are input, output, forget, cell. */
function inOnnxOrder(values: Float32Array): Float32Array {
  const size = values.length / 4;
  const ordered = new Float32Array(values.length);
  for (const [to, from] of [0, 3, 1, 2].entries()) {
    ordered.set(values.subarray(from * size, (from + 1) * size), to * size);
  }
  return ordered;
}

function made(op: string, inputs: string[], output: string, attributes: [string, number][] = []): OnnxNode {
  const encoded = attributes.map(([name, value]) => [name, intAttribute(name, value)] as const);
  return { op, inputs, outputs: [output], attributes: new Map(encoded), raw: undefined };
}
