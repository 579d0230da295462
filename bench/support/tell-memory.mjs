// Loaded before the compiled program (`node --expose-gc --import`): on SIGUSR2 it collects all garbage and writes what is left to the
// file that BENCH_MEMORY_FILE names.
import { renameSync, writeFileSync } from 'node:fs';

const file = process.env['BENCH_MEMORY_FILE'] ?? '';
if (file !== '' && process.argv[2] === 'up') {
  process.on('SIGUSR2', () => {
    globalThis.gc();
    globalThis.gc();
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    writeFileSync(`${file}.draft`, JSON.stringify({ rss, heapUsed, external, arrayBuffers }));
    renameSync(`${file}.draft`, file);
  });
}
