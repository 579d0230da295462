/**
 * `npx tsx bench/store.ts [rounds]`
 *
 * Put and get of 5 MB segments: the S3 store beside the bare SDK with its default settings against the same server, and the
 * store in a folder beside the same system calls written out. Rounds are interleaved; each row is a median. The server
 * keeps objects in memory in a process of its own, so that what the client costs shows at its largest.
 */
import { mkdtemp, open, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

import { systemClock } from '../core/clock.ts';
import { startChild } from '../core/process.ts';
import { systemRandom } from '../core/random.ts';
import { openFsStore } from '../store/fs-store.ts';
import { openS3Store } from '../store/s3-store.ts';
import { awaitLine } from '../test/support/await-line.ts';
import { becomeAwsUser } from '../test/support/s3-bucket.ts';

const rounds = Number(process.argv[2] ?? 40);
/** As many at a time as a worker has jobs. */
const atOnce = 2;
const segment = Buffer.from(systemRandom.bytes(5_000_000));
const type = { contentType: 'video/mp2t' };

async function main(): Promise<void> {
  becomeAwsUser();
  const rows = new Map<string, number[]>();
  await benchS3(rows);
  await benchFs(rows);
  print(rows);
}

async function benchS3(rows: Map<string, number[]>): Promise<void> {
  const path = new URL('support/null-s3.ts', import.meta.url).pathname;
  const child = await startChild({
    command: process.execPath,
    args: ['--import', 'tsx', path],
    env: process.env,
    wallMsMax: 'unlimited',
  });
  try {
    const port = await awaitLine(child, /listening on (\d+)/);
    const endpoint = `http://127.0.0.1:${port}`;
    const Bucket = 'bench';
    const bare = new S3Client({ endpoint, forcePathStyle: true });
    const store = openS3Store({
      bucket: Bucket,
      prefix: '',
      endpoint,
      clock: systemClock,
      random: systemRandom,
    });
    await inRounds(rows, {
      's3 put, bare SDK': async (key) =>
        void (await bare.send(
          new PutObjectCommand({
            Bucket,
            Key: key,
            Body: segment,
            ContentType: 'video/mp2t',
            IfNoneMatch: '*',
          }),
        )),
      's3 put, touchline': async (key) =>
        void (await store.put(key, segment, { ...type, ifNoneMatch: true })),
      's3 get, bare SDK': async (key) => {
        const answer = await bare.send(new GetObjectCommand({ Bucket, Key: key, ChecksumMode: 'ENABLED' }));
        check((await answer.Body?.transformToByteArray())?.length);
      },
      's3 get, touchline': async (key) => check((await store.get(key)).length),
    });
  } finally {
    child.kill();
    await child.exit;
  }
}

async function benchFs(rows: Map<string, number[]>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'touchline-bench-'));
  try {
    const store = await openFsStore({ folder, random: systemRandom });
    await inRounds(rows, {
      'fs put, bare calls': async (key) => {
        const [draft, path] = [join(folder, `${key}.draft`), join(folder, key)];
        const file = await open(draft, 'w');
        await file.writeFile(segment);
        await file.sync();
        await file.close();
        await rename(draft, path);
        const above = await open(folder, 'r');
        await above.sync();
        await above.close();
      },
      'fs put, touchline': async (key) =>
        void (await store.put(key, segment, { ...type, ifNoneMatch: true })),
      'fs get, bare calls': async (key) => check((await readFile(join(folder, key))).length),
      'fs get, touchline': async (key) => check((await store.get(key)).length),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Each way in turn, the order turned round every time; the first rounds warm up. */
async function inRounds(
  rows: Map<string, number[]>,
  ways: Record<string, (key: string) => Promise<void>>,
): Promise<void> {
  const warmUps = 4;
  for (let round = -warmUps; round < rounds; round += 1) {
    const all = Object.entries(ways);
    const [puts, gets] = [all.slice(0, 2), all.slice(2)];
    for (const half of [puts, gets]) {
      for (const [name, way] of round % 2 === 0 ? half : half.toReversed()) {
        const keys = Array.from({ length: atOnce }, (_, index) => {
          // A get finds what its own side has put.
          const side = name.endsWith('touchline') ? 'ours' : 'bare';
          return `${side}-${round + warmUps}-${index}.ts`;
        });
        const startedAt = performance.now();
        await Promise.all(keys.map(way));
        const tookMs = performance.now() - startedAt;
        if (round >= 0) rows.set(name, [...(rows.get(name) ?? []), tookMs / atOnce]);
      }
    }
  }
}

function check(length: number | undefined): void {
  if (length !== segment.length) throw new Error(`${length} bytes came back instead of ${segment.length}`);
}

function print(rows: ReadonlyMap<string, number[]>): void {
  console.log(`| what | ms per segment | MB/s | speed beside the bare one |\n| --- | --- | --- | --- |`);
  const medians = [...rows].map(([name, values]) => ({ name, ms: median(values) }));
  for (const { name, ms } of medians) {
    const bare = medians.find((one) => one.name.startsWith(`${name.split(',')[0]}, bare`))?.ms ?? ms;
    console.log(`| ${name} | ${ms.toFixed(1)} | ${(5000 / ms).toFixed(0)} | ${(bare / ms).toFixed(2)} |`);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

await main();
