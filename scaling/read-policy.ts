import { parse } from 'yaml';

import { TouchlineError } from '../core/errors.ts';
import { scalingPolicy, type ScalingPolicy } from './policy.ts';

/**
 * A policy as a person writes it: YAML, of which JSON is a part. What is left out has its default; an empty one is all defaults.
 *
 * @param name of the file, for messages
 * @throws TouchlineError `policy.invalid` naming every field that is wrong
 */
export function readPolicy(text: string, name: string): ScalingPolicy {
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    throw invalid(`${name} is neither YAML nor JSON (${(cause as Error).message.split('\n')[0]})`);
  }
  const read = scalingPolicy.safeParse(document ?? {});
  if (read.success) return read.data;
  const issues = read.error.issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? `unknown field ${issue.keys.join(', ')}`
      : `${issue.path.join('.') || 'the policy'}: ${issue.message}`,
  );
  throw invalid(`${name}: ${issues.join('; ')}. All fields stand in docs/scaling.md`);
}

function invalid(message: string): TouchlineError {
  return new TouchlineError({ code: 'policy.invalid', message, retryable: false, blame: 'caller' });
}
