import { readFileSync } from 'node:fs';

import { LineCounter, parseDocument } from 'yaml';

import { TouchlineError } from '../core/errors.ts';
import { scalingPolicy, type ScalingPolicy } from './policy.ts';

/**
 * The policy in the file at `path` (YAML or JSON); the default one when there is none.
 *
 * @param defaults where they are not those of every fleet
 * @throws TouchlineError `config.invalid` naming every problem at once
 */
export function readPolicyFile(
  path: string | undefined,
  defaults: Partial<ScalingPolicy> = {},
): ScalingPolicy {
  if (path === undefined) return scalingPolicy.parse(defaults);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw invalid(path, [`cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`]);
  }
  return parsePolicy(text, path, defaults);
}

/** @param path for the messages */
export function parsePolicy(
  text: string,
  path: string,
  defaults: Partial<ScalingPolicy> = {},
): ScalingPolicy {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [broken] = document.errors;
  if (broken) {
    const [what] = broken.message.split('\n');
    throw invalid(path, [`line ${lines.linePos(broken.pos[0]).line} is not YAML: ${what}`]);
  }
  const said: unknown = document.toJS() ?? {};
  const isNamed = typeof said === 'object' && !Array.isArray(said);
  const read = scalingPolicy.safeParse(isNamed ? { ...defaults, ...said } : said);
  if (read.success) return read.data;
  throw invalid(
    path,
    read.error.issues.flatMap((issue): string[] => {
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => `${key} is nothing that a policy has (docs/scaling.md lists what is)`);
      const field = issue.path.join('.');
      if (field === '') return [`must hold fields of a policy by name, such as "countMax: 20"`];
      return [`${field} ${issue.message} (got ${JSON.stringify((said as Record<string, unknown>)[field])})`];
    }),
  );
}

function invalid(path: string, problems: readonly string[]): TouchlineError {
  return new TouchlineError({
    code: 'config.invalid',
    message:
      problems.length === 1
        ? `${path}: ${problems[0]}`
        : `${path}: ${problems.length} fields are wrong:\n  ${problems.join('\n  ')}`,
    retryable: false,
    blame: 'caller',
  });
}
