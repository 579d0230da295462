import { brotliCompressSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';

import { build, type Rolldown } from 'vite';
import { beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const reviewPage = 'web/console/pages/review/review-page.tsx';
const firstLoadBytesMax = 60 * 1024;

describe('the console as it is built', () => {
  let chunks: Map<string, Rolldown.OutputChunk>;

  beforeAll(async () => {
    const made = (await build({
      configFile: `${root}web/console/vite.config.ts`,
      logLevel: 'silent',
      build: { write: false },
    })) as Rolldown.RolldownOutput;
    chunks = new Map(made.output.flatMap((part) => (part.type === 'chunk' ? [[part.fileName, part]] : [])));
  }, 60_000);

  /** A file and all that it needs before it runs. What is imported on demand is not among it. */
  function neededBy(...fileNames: string[]): Set<string> {
    const needed = new Set<string>();
    const waiting = [...fileNames];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (needed.has(next)) continue;
      needed.add(next);
      waiting.push(...(chunks.get(next)?.imports ?? []));
    }
    return needed;
  }

  function chunkWith(isWanted: (chunk: Rolldown.OutputChunk) => boolean): Rolldown.OutputChunk {
    const found = [...chunks.values()].find(isWanted);
    if (!found) throw new Error('no such chunk in the build');
    return found;
  }

  function firstLoad(): Rolldown.OutputChunk[] {
    const entry = chunkWith(({ isEntry, facadeModuleId }) => isEntry && !facadeModuleId?.endsWith('.css'));
    const review = chunkWith(({ facadeModuleId }) => facadeModuleId?.endsWith(reviewPage) ?? false);
    return [...neededBy(entry.fileName, review.fileName)].flatMap((name) => chunks.get(name) ?? []);
  }

  test('loads at most 60 KiB of JavaScript, compressed, until the review queue stands', () => {
    const bytes = firstLoad().map(({ code }) => brotliCompressSync(code).byteLength);
    const sum = bytes.reduce((one, other) => one + other, 0);
    // Preact alone is some 5 KiB: less would mean that the wrong files were counted.
    expect(sum).toBeGreaterThan(10_000);
    expect(sum).toBeLessThanOrEqual(firstLoadBytesMax);
  });

  test('leaves the live player to the pages that play live', () => {
    const modules = firstLoad().flatMap(({ moduleIds }) => moduleIds);
    expect(modules.filter((id) => id.includes('/hls.js/'))).toEqual([]);
    expect(modules.filter((id) => id.includes('/uplot/'))).toEqual([]);
    const all = [...chunks.values()].flatMap(({ moduleIds }) => moduleIds);
    expect(all.some((id) => id.includes('/hls.js/'))).toBe(true);
  });
});
