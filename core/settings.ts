import { dirname, resolve } from 'node:path';

import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import type { z } from 'zod';

import { TouchlineError } from './errors.ts';
import { Secret } from './secret.ts';

/**
 * One thing that can be set: in the environment, else in `touchline.yaml`, else its default. Each folder declares its own
 * (`queue/queue-settings.ts`, ...); `cli/config.ts` reads them all at once.
 */
export interface Setting<T = unknown> {
  env: string;
  /** Its place in the file: `queue.engine` is `engine` inside `queue`. */
  path: string;
  /** Takes the text as it was written, or undefined when there is none. */
  schema: z.ZodType<T, string | undefined>;
  /** Never shown: not in a problem, not by `touchline config show`. */
  isSecret?: boolean;
  /** How `touchline config show` writes the value, where it is no text or only part of it is secret. */
  shownAs?(value: T): string;
  /** What stands between the parts when the file gives a list. Default a comma. */
  separator?: string;
  /** A path is relative to the file in which it stands, and to the working folder in the environment. */
  resolve?: (text: string, folder: string) => string;
}

export type SettingsOf<G extends Record<string, Setting>> = {
  [K in keyof G]: G[K] extends Setting<infer T> ? T : never;
};

/** Where a value came from, for `touchline config show`. */
export interface SettingOrigin {
  path: string;
  env: string;
  /** As it was written, or what is in force without that; `***` for a secret; null when there is none. */
  value: string | null;
  origin: 'environment' | 'default' | `${string}:${number}`;
}

export interface SettingsRead<G extends Record<string, Setting>> {
  values: SettingsOf<G>;
  origins: SettingOrigin[];
  /** What was given, as an environment that comes to the same values from any folder, without the file. */
  env: Record<string, Secret>;
}

interface Given {
  text: string;
  origin: SettingOrigin['origin'];
  folder: string;
}

/** @throws TouchlineError `config.invalid` naming every problem at once, with its place, the value and what would be right */
export function readSettings<G extends Record<string, Setting>>(
  settings: G,
  sources: {
    env: Readonly<Record<string, string | undefined>>;
    cwd: string;
    file?: { path: string; text: string } | undefined;
  },
): SettingsRead<G> {
  const problems: string[] = [];
  const inFile = sources.file
    ? readFile(sources.file, Object.values(settings), problems)
    : new Map<string, Given>();
  const values: Record<string, unknown> = {};
  const origins: SettingOrigin[] = [];
  const env: Record<string, Secret> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const written = sources.env[setting.env];
    // Unset and empty are the same thing: `TOUCHLINE_STORE= touchline up` is how a shell unsets for one command.
    const inEnv: Given | undefined = written
      ? { text: written, origin: 'environment', folder: sources.cwd }
      : undefined;
    const given = inEnv ?? inFile.get(setting.path);
    const text = given && setting.resolve ? setting.resolve(given.text, given.folder) : given?.text;
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) values[key] = parsed.data;
    else problems.push(...parsed.error.issues.map(({ message }) => problem(setting, given, message)));
    if (text !== undefined) env[setting.env] = new Secret(text);
    origins.push({
      path: setting.path,
      env: setting.env,
      value: shown(setting, text, parsed.data),
      origin: given?.origin ?? 'default',
    });
  }
  if (problems.length > 0) throw invalid(problems);
  return { values: values as SettingsOf<G>, origins, env };
}

function shown(setting: Setting, text: string | undefined, value: unknown): string | null {
  if (setting.shownAs && value !== undefined) return setting.shownAs(value);
  const plain =
    text ?? (value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value));
  if (plain === null || !setting.isSecret) return plain;
  return String(new Secret(plain));
}

function problem(setting: Setting, given: Given | undefined, message: string): string {
  const isInFile = given !== undefined && given.origin !== 'environment';
  const where = isInFile ? `${given.origin} ${setting.path}` : setting.env;
  if (given === undefined && message.startsWith('Invalid input')) return `${where} has to be given`;
  const got = given === undefined ? 'nothing' : JSON.stringify(given.text);
  return `${where} ${message} (got ${setting.isSecret && given ? 'a value that is not shown' : got})`;
}

function invalid(problems: readonly string[]): TouchlineError {
  return new TouchlineError({
    code: 'config.invalid',
    message:
      problems.length === 1
        ? `${problems[0]}`
        : `${problems.length} settings are wrong:\n  ${problems.join('\n  ')}`,
    retryable: false,
    blame: 'caller',
  });
}

function readFile(
  file: { path: string; text: string },
  settings: readonly Setting[],
  problems: string[],
): Map<string, Given> {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines, uniqueKeys: true });
  const placeOf = (offset: number): `${string}:${number}` => `${file.path}:${lines.linePos(offset).line}`;
  for (const error of document.errors) {
    const [what] = error.message.split('\n');
    problems.push(`${placeOf(error.pos[0])} is not YAML: ${what}`);
  }
  const found = new Map<string, Given>();
  const bySetting = new Map(settings.map((setting) => [setting.path, setting]));
  const folder = dirname(resolve(file.path));

  const take = (node: unknown, path: string, at: number): void => {
    const setting = bySetting.get(path);
    if (setting) {
      const text = textOf(node, setting.separator ?? ',');
      if (text === undefined) problems.push(`${placeOf(at)} ${path} must be one value or a list of values`);
      else if (text !== '') found.set(path, { text, origin: placeOf(at), folder });
      return;
    }
    const isGroup = path === '' || settings.some((one) => one.path.startsWith(`${path}.`));
    if (!isGroup) {
      problems.push(`${placeOf(at)} ${path} is no setting: ${nearest(path, settings)}`);
      return;
    }
    if (isScalar(node) && node.value === null) return;
    if (!isMap(node)) {
      problems.push(`${placeOf(at)} ${path === '' ? 'the file' : path} must hold settings by name`);
      return;
    }
    for (const item of node.items) {
      if (!isPair(item) || !isScalar(item.key)) continue;
      const key = String(item.key.value);
      take(item.value, path === '' ? key : `${path}.${key}`, item.key.range?.[0] ?? 0);
    }
  };
  // Half of a broken document says nothing: its settings would be named as missing or unknown.
  if (document.errors.length === 0 && document.contents !== null) {
    take(document.contents, '', (document.contents as Node).range?.[0] ?? 0);
  }
  return found;
}

/** Empty for null; undefined for what is neither a value nor a list of them. */
function textOf(node: unknown, separator: string): string | undefined {
  if (node === null || (isScalar(node) && node.value === null)) return '';
  if (isScalar(node))
    return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
  if (!isSeq(node)) return undefined;
  const parts = node.items.map((item) => (isScalar(item) ? textOf(item, separator) : undefined));
  return parts.includes(undefined) ? undefined : parts.join(separator);
}

function nearest(path: string, settings: readonly Setting[]): string {
  const paths = settings.map((setting) => setting.path);
  const last = path.split('.').at(-1)?.toLowerCase() ?? '';
  const alike =
    paths.find((one) => one.toLowerCase().endsWith(last)) ??
    paths.find((one) => one.startsWith(path.split('.')[0] ?? ''));
  return alike ? `did you mean ${alike}?` : `\`touchline config show\` lists them all`;
}
