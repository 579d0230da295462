import { createHash } from 'node:crypto';

import { ListMultipartUploadsCommand, ListPartsCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { ObjectStore } from '../../store/object-store.ts';
import { s3Limits, tryMsMax, type S3Limits } from '../../store/s3-limits.ts';
import { openS3Store } from '../../store/s3-store.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';
import { becomeAwsUser, makeBucket, s3Options } from '../support/s3-bucket.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const bucket = 'touchline-network';
const binary = { contentType: 'application/octet-stream' };
const once = { ...binary, ifNoneMatch: true };

describe.skipIf(!hasMoto)('S3 behind a bad network', () => {
  let moto: Moto;
  let proxy: TcpProxy;
  let client: S3Client;
  let store: ObjectStore;
  let count = 0;
  beforeAll(async () => {
    becomeAwsUser();
    moto = await startMoto();
    client = await makeBucket(moto.endpoint, bucket);
    const target = { host: '127.0.0.1', port: Number(new URL(moto.endpoint).port) };
    proxy = await startTcpProxy({ target, protocol: 'http', seed: 7 });
  }, 30_000);
  afterAll(async () => {
    await proxy.stop();
    await moto.stop();
  });

  const open = (limits: Partial<S3Limits> = {}): ObjectStore => {
    count += 1;
    const policy = { delaysMs: [1, 2, 4, 8, 16, 32, 64, 128], jitter: 1 };
    return openS3Store(
      s3Options({
        bucket,
        prefix: `n${count}`,
        endpoint: `http://127.0.0.1:${proxy.port}`,
        limits: {
          ...s3Limits,
          callMsMax: 2000,
          bodyMsFirst: 3000,
          bodyMsMax: 3000,
          idleMsMax: 1000,
          policy,
          ...limits,
        },
      }),
    );
  };
  beforeEach(() => {
    proxy.set({});
    store = open();
  });

  // Of the large one it is the answer to its last request: begin, two parts, complete.
  it.each([
    { bytes: 100, after: 0 },
    { bytes: 9_000_000, after: 3 },
  ])('adopts a put of $bytes bytes that went through while its answer was lost', async ({ bytes, after }) => {
    const body = noise(1, bytes);
    const lost = proxy.counts.loseAnswer;
    proxy.hitNext('loseAnswer', after);
    expect(await store.put('x.bin', body, once)).toMatchObject({ created: true, object: { bytes } });
    expect(proxy.counts.loseAnswer).toBe(lost + 1);
    expect(hashOf(await store.get('x.bin'))).toBe(hashOf(body));
  });

  it('does not adopt what another has put there meanwhile', async () => {
    await store.put('x.bin', noise(1, 1000), once);
    proxy.hitNext('loseAnswer');
    expect(await store.put('x.bin', noise(1, 1000), once)).toMatchObject({ created: false });
  });

  it('loses nothing and puts nothing twice while a third of all exchanges are hit', async () => {
    proxy.set({ reset: 0.06, loseAnswer: 0.06, cutRequest: 0.06, cutAnswer: 0.06, refuse: 0.1 });
    const before = { ...proxy.counts };
    const sizes = Array.from({ length: 40 }, (_, index) =>
      index % 8 === 0 ? 9_000_000 : 1000 + index * 5000,
    );
    const keys = sizes.map((_, index) => `m/${String(index).padStart(2, '0')}.bin`);
    const putOne = async (index: number): Promise<void> => {
      const body = noise(index, sizes[index] ?? 0);
      expect(await store.put(keys[index] ?? '', body, once)).toMatchObject({ created: true });
      // Delivered again, as queues do.
      expect(await store.put(keys[index] ?? '', noise(99, 10), once)).toMatchObject({
        created: false,
        object: { bytes: sizes[index] },
      });
    };
    for (let index = 0; index < sizes.length; index += 4) {
      await Promise.all([0, 1, 2, 3].map(async (at) => await putOne(index + at)));
    }
    for (const [index, key] of keys.entries()) {
      const expected = hashOf(noise(index, sizes[index] ?? 0));
      expect(hashOf(await store.get(key))).toBe(expected);
      const hash = createHash('sha256');
      for await (const piece of await store.stream(key)) hash.update(piece);
      expect(hash.digest('hex')).toBe(expected);
    }
    expect((await store.list('')).map(({ key }) => key)).toEqual(keys);
    proxy.set({});
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    // One that was begun while the answer was lost is known to nobody, but then it holds nothing.
    for (const { Key, UploadId } of Uploads) {
      const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket: bucket, Key, UploadId }));
      expect(Parts).toEqual([]);
    }
    for (const name of ['reset', 'loseAnswer', 'cutRequest', 'cutAnswer', 'refuse'] as const) {
      expect(proxy.counts[name] - before[name], name).toBeGreaterThan(3);
    }
  }, 60_000);

  it('gives up within its limits when nobody answers, and goes on when somebody does', async () => {
    const short = open({
      callMsMax: 100,
      bodyMsFirst: 100,
      bodyMsMax: 100,
      policy: { delaysMs: [1], jitter: 1 },
    });
    proxy.set({ blackHole: 1 });
    const startedAt = performance.now();
    await expect(short.put('x.bin', noise(1, 1000), once)).rejects.toMatchObject({
      code: 'store.unavailable',
      retryable: true,
      message: expect.stringContaining('no answer within 100 ms') as string,
    });
    await expect(short.get('x.bin')).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(short.stream('x.bin')).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(short.list('')).rejects.toMatchObject({ code: 'store.unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(5000);
    proxy.set({});
    expect(await store.put('y.bin', noise(1, 1000), once)).toMatchObject({ created: true });
  });

  it('does not wait long for the first connection that died under a body, and longer for a slow link', async () => {
    const patient = open({ bodyMsFirst: 200, bodyMsMax: 800 });
    const holes = proxy.counts.blackHole;
    proxy.hitNext('blackHole', 0);
    proxy.hitNext('blackHole', 1);
    const startedAt = performance.now();
    expect(await patient.put('x.bin', noise(1, 1_000_000), once)).toMatchObject({ created: true });
    const tookMs = performance.now() - startedAt;
    expect(proxy.counts.blackHole).toBe(holes + 2);
    expect(tookMs).toBeGreaterThan(600);
    expect([1, 2, 3, 4, 5].map((attempt) => tryMsMax(s3Limits, attempt, true))).toEqual([
      8_000, 16_000, 32_000, 60_000, 60_000,
    ]);
  });

  it('waits for a slow answer', async () => {
    proxy.set({ slow: 1 });
    expect(await store.put('x.bin', noise(1, 1000), once)).toMatchObject({ created: true });
    expect(await store.get('x.bin')).toHaveLength(1000);
  });

  it('holds a few parts of a long body in memory, and no more', async () => {
    const pieces = process.env['TOUCHLINE_TEST_LONG'] ? 2000 : 200;
    let most = 0;
    const before = process.memoryUsage().arrayBuffers;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      const piece = noise(1, 1_000_000);
      for (let index = 0; index < pieces; index += 1) {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        yield piece;
      }
    };
    proxy.set({ refuse: 0.1 });
    await store.put('x.bin', body(), binary);
    expect((await store.head('x.bin'))?.bytes).toBe(pieces * 1_000_000);
    // Three parts on their way and one being filled are 32 MiB; the rest waits for the garbage collector.
    expect(most).toBeLessThan(120 * 1024 * 1024);
  }, 120_000);
});

/** The same bytes for the same seed, unlike their neighbours. */
function noise(seed: number, bytes: number): Uint8Array {
  const block = createHash('sha512').update(String(seed)).digest();
  const all = Buffer.alloc(bytes, block);
  for (let at = 0; at + 4 <= bytes; at += 4096) all.writeUInt32BE(at, at);
  return all;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
