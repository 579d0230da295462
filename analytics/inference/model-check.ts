import { TouchlineError } from '../../core/errors.ts';
import type { ModelManifest } from './model-manifest.ts';
import type { InferenceSession } from './onnx-runtime.ts';

type ValueMetadata = InferenceSession['inputMetadata'][number];
type Shape = readonly (number | string)[];

/**
 * Compares what the manifest promises with what the session reports: names, types, ranks and fixed sizes. One error
 * names every difference.
 *
 * @throws TouchlineError `model.wrong-shape`
 */
export function checkAgainstSession(
  manifest: ModelManifest,
  session: Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>,
  path: string,
): void {
  const problems = [
    ...manifest.inputs.flatMap((input) =>
      compare('input', input.name, session.inputMetadata, input.shape, input.dtype),
    ),
    ...manifest.state.flatMap((state) => [
      ...compare('input', state.in, session.inputMetadata, state.shape, 'float32'),
      ...compare('output', state.out, session.outputMetadata, undefined, 'float32'),
    ]),
    ...Object.keys(manifest.constants).flatMap((name) =>
      compare('input', name, session.inputMetadata, undefined, 'int64'),
    ),
    ...manifest.outputs.flatMap((output) =>
      compare('output', output.name, session.outputMetadata, output.shape, undefined),
    ),
    ...forgottenInputs(manifest, session),
    ...manifest.outputs.flatMap(({ name, shape, classes }) =>
      classes && classes.length !== shape.at(-1)
        ? [`output "${name}" has ${shape.at(-1)} columns, "classes" names ${classes.length}`]
        : [],
    ),
  ];
  if (problems.length === 0) return;
  throw new TouchlineError({
    code: 'model.wrong-shape',
    message: `model ${manifest.id}: ${path} is not what its manifest says: ${problems.join('; ')}`,
    retryable: false,
    blame: 'environment',
  });
}

function compare(
  side: 'input' | 'output',
  name: string,
  reported: readonly ValueMetadata[],
  promised: Shape | undefined,
  dtype: string | undefined,
): string[] {
  const value = reported.find((one) => one.name === name);
  if (!value)
    return [`it has no ${side} "${name}" (it has ${reported.map((one) => `"${one.name}"`).join(', ')})`];
  if (!value.isTensor) return [`${side} "${name}" is no tensor`];
  const problems: string[] = [];
  if (dtype !== undefined && value.type !== dtype) {
    problems.push(`${side} "${name}" is ${value.type}, the manifest says ${dtype}`);
  }
  if (promised && !fits(promised, value.shape)) {
    problems.push(`${side} "${name}" is ${inWords(value.shape)}, the manifest says ${inWords(promised)}`);
  }
  return problems;
}

/** A free size of the model fits any promise; a fixed one has to be promised, or a call with another size would fail. */
function fits(promised: Shape, reported: Shape): boolean {
  return (
    promised.length === reported.length &&
    reported.every((size, index) => typeof size === 'string' || size === promised[index])
  );
}

function forgottenInputs(
  manifest: ModelManifest,
  session: Pick<InferenceSession, 'inputMetadata'>,
): string[] {
  const fed = new Set([
    ...manifest.inputs.map((input) => input.name),
    ...manifest.state.map((state) => state.in),
    ...Object.keys(manifest.constants),
  ]);
  return session.inputMetadata
    .filter((input) => !fed.has(input.name))
    .map((input) => `the manifest does not say what to feed to input "${input.name}"`);
}

function inWords(shape: Shape): string {
  return `[${shape.map((size) => (size === '' ? 'any' : size)).join(', ')}]`;
}
