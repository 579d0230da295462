import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

import { isMap, LineCounter, parseDocument, type Document } from 'yaml';

import { TouchlineError } from '../../core/errors.ts';
import { rules, type Rules } from './rules.ts';

/**
 * The rules of a sport, as shipped. A sport without rules of its own is told so rather than given others.
 *
 * @throws TouchlineError `rules.unknown-sport`
 */
export function loadRules({ sport }: { sport: string }): Rules {
  const known = knownSports();
  if (!known.includes(sport)) {
    throw new TouchlineError({
      code: 'rules.unknown-sport',
      message: `there are no rules for the sport "${sport}": use one of ${known.join(', ')}, or a rules file of your own`,
      retryable: false,
      blame: 'caller',
    });
  }
  return loadRulesFile(fileURLToPath(new URL(`./${sport}.yaml`, import.meta.url)));
}

/** Every sport that has rules of its own, and `generic`. */
export function knownSports(): string[] {
  return readdirSync(new URL('.', import.meta.url))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => basename(name, '.yaml'))
    .toSorted();
}

/**
 * The rules in a YAML file. It names only what differs from the rules it `extends` (`generic` when it says nothing);
 * maps are merged key by key, lists replaced. All problems are reported at once, each with its line and column.
 *
 * @throws TouchlineError `rules.unreadable`, `rules.invalid`
 */
export function loadRulesFile(path: string): Rules {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines });
  if (document.errors.length > 0) {
    throw invalid(
      path,
      document.errors.map(
        (error) => `line ${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0] ?? ''}`,
      ),
    );
  }
  if (!isMap(document.contents))
    throw invalid(path, ['line 1: must be a map of rules, such as "threshold: 0.6"']);

  const own = asObject(document, path);
  const { extends: parent = 'generic', ...named } = own;
  const isRoot = parent === 'generic' && basename(path) === 'generic.yaml';
  if (typeof parent !== 'string' || !knownSports().includes(parent)) {
    throw invalid(path, [
      `${place(document, lines, ['extends'])}: extends must be one of ${knownSports().join(', ')} (got ${JSON.stringify(parent)})`,
    ]);
  }
  const merged = isRoot ? named : merge(loadRules({ sport: parent }), named);
  const checked = rules.safeParse(merged);
  if (checked.success) return checked.data;
  throw invalid(
    path,
    checked.error.issues.map((issue) => {
      const at = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
      const what = issue.path.length > 0 ? `${issue.path.join('.')} ` : '';
      return `${place(document, lines, at)}: ${what}${issue.message}`;
    }),
  );
}

function asObject(document: Document, path: string): Record<string, unknown> {
  try {
    return document.toJS({ maxAliasCount: 10 }) as Record<string, unknown>;
  } catch (thrown) {
    throw invalid(path, [`line 1: ${thrown instanceof Error ? thrown.message : String(thrown)}`]);
  }
}

/** Maps are merged, everything else replaced. */
function merge(below: unknown, above: unknown): unknown {
  if (!isPlain(below) || !isPlain(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above))
    merged[key] = key in below ? merge(below[key], value) : value;
  return merged;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Line and column of the nearest thing in the file that the path names. */
function place(document: Document, lines: LineCounter, path: readonly PropertyKey[]): string {
  for (let length = path.length; length > 0; length -= 1) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    const range = (node as { range?: [number, number, number] | null } | undefined)?.range;
    if (range) {
      const { line, col } = lines.linePos(range[0]);
      return `line ${line}, column ${col}`;
    }
  }
  return 'line 1';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new TouchlineError({
      code: 'rules.unreadable',
      message: `the rules in ${path} could not be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}): does the file exist?`,
      retryable: false,
      blame: 'caller',
      cause,
    });
  }
}

function invalid(path: string, problems: readonly string[]): TouchlineError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new TouchlineError({
    code: 'rules.invalid',
    message: `${path} has ${count}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    retryable: false,
    blame: 'caller',
  });
}
