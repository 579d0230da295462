import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The house: which folder may import from which. The reasons stand in ARCHITECTURE.md. */
const mayImport: Record<string, readonly string[]> = {
  core: [],
  queue: ['core'],
  store: ['core'],
  ingest: ['core'],
  analytics: ['core'],
  clipper: ['core'],
  worker: ['core', 'queue', 'store', 'analytics', 'clipper'],
  scaling: ['core', 'queue'],
  control: ['core', 'queue', 'store', 'ingest', 'analytics'],
  web: ['core', 'store', 'control', 'scaling'],
  cli: ['core', 'queue', 'store', 'ingest', 'analytics', 'clipper', 'worker', 'scaling', 'control', 'web'],
};

/** What the world is touched with, and the one file that may. */
const onlyIn: Record<string, { pattern: RegExp; files: readonly string[] }> = {
  'the environment': { pattern: /\bprocess\.env\b/, files: ['core/env.ts'] },
  'child processes': { pattern: /from 'node:child_process'/, files: ['core/process.ts'] },
  'the clock': {
    pattern: /\bDate\.now\(|\bnew Date\(\)/,
    files: ['core/clock.ts', 'web/console/browser.ts'],
  },
  'the library that would tell of our models': {
    pattern: /(?:from |import\()'onnxruntime-node'/,
    files: ['analytics/inference/onnx-runtime.ts'],
  },
  randomness: { pattern: /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/, files: ['core/random.ts'] },
};

interface Source {
  path: string;
  folder: string;
  text: string;
  imports: string[];
}

const sources = Object.keys(mayImport).flatMap((folder) => readSources(join(root, folder)));

describe('the house', () => {
  it('was seen: the test reads real files and real imports', () => {
    expect(sources.length).toBeGreaterThan(15);
    expect(sources.flatMap((source) => source.imports).length).toBeGreaterThan(15);
  });

  it.each(Object.entries(mayImport))('%s imports from %j alone', (folder, allowed) => {
    const wrong = sources
      .filter((source) => source.folder === folder)
      .flatMap((source) =>
        source.imports
          .map((target) => target.split('/')[0] ?? '')
          .filter((target) => target !== folder && !allowed.includes(target))
          .map((target) => `${source.path} imports from ${target}/`),
      );
    expect(wrong).toEqual([]);
  });

  it.each(Object.entries(onlyIn))('%s is touched in one file', (_what, { pattern, files }) => {
    const wrong = sources.filter((source) => pattern.test(source.text) && !files.includes(source.path));
    expect(wrong.map((source) => source.path)).toEqual([]);
  });

  it('has no barrel and no catch-all', () => {
    const names = sources.map((source) => source.path.split('/').at(-1));
    expect(
      names.filter((name) => name === 'index.ts' || name === 'utils.ts' || name === 'helpers.ts'),
    ).toEqual([]);
  });

  it('has no file that imports itself by a detour', () => {
    expect(findCycle(new Map(sources.map((source) => [source.path, source.imports])))).toEqual([]);
  });
});

function readSources(folder: string): Source[] {
  if (!existsSync(folder)) return []; // A folder that is still to come.
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): Source[] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return readSources(path);
    if (!/\.tsx?$/.test(entry.name)) return [];
    const text = readFileSync(path, 'utf8');
    const name = relative(root, path);
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) =>
      relative(root, resolve(dirname(path), match[1] ?? '')),
    );
    return [{ path: name, folder: name.split('/')[0] ?? '', text, imports }];
  });
}

/** The first import cycle, as the list of its files; empty when there is none. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const next of graph.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of graph.keys()) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
