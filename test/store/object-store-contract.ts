import { createHash } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ObjectStore } from '../../store/object-store.ts';

/** What every engine of `store/object-store.ts` promises. `open` gives an empty store, and the way to clear it away. */
export function objectStoreContract(
  engine: string,
  open: () => Promise<{ store: ObjectStore; done: () => Promise<void> }>,
): void {
  describe(`an object store (${engine})`, () => {
    let store: ObjectStore;
    let done: () => Promise<void>;
    beforeEach(async () => {
      ({ store, done } = await open());
    });
    afterEach(async () => await done());

    const text = { contentType: 'text/plain' };
    const put = async (key: string, body = key): Promise<void> => {
      await store.put(key, Buffer.from(body), text);
    };

    const keys = async (prefix: string, startAfter = ''): Promise<string[]> =>
      (await store.list(prefix, { startAfter })).map((object) => object.key);

    it('gives back what was put, with its size, type and time', async () => {
      const beforeMs = Date.now();
      const { created, object } = await store.put('a/b.ts', bytes(1, 2, 3), { contentType: 'video/mp2t' });
      expect(created).toBe(true);
      expect(object).toMatchObject({ key: 'a/b.ts', bytes: 3, contentType: 'video/mp2t' });
      expect(object.etag).toMatch(/^".+"$/);
      expect([...(await store.get('a/b.ts'))]).toEqual([1, 2, 3]);
      const known = await store.head('a/b.ts');
      expect(known).toMatchObject(object);
      expect(known?.modifiedAtMs).toBeGreaterThan(beforeMs - 2000);
      const listed = await store.list('');
      expect(listed).toMatchObject([object]);
      expect(listed[0]?.modifiedAtMs).toBeGreaterThan(beforeMs - 2000);
    });

    it('keeps an empty object', async () => {
      await store.put('empty.txt', bytes(), text);
      expect(await store.head('empty.txt')).toMatchObject({ bytes: 0 });
      expect(await store.get('empty.txt')).toHaveLength(0);
      expect(await collect(await store.stream('empty.txt'))).toBe('');
    });

    it('takes a body in pieces', async () => {
      const { object } = await store.put('pieces.bin', inPieces(), binary);
      expect(object.bytes).toBe(1_000_000);
      expect((await store.get('pieces.bin', { start: 999_999, end: 999_999 }))[0]).toBe(49);
    });

    it.each([3, 3_000_000, 9_000_000])(
      'takes %d bytes in memory that can be resized, as segments come in',
      async (length) => {
        const memory = new ArrayBuffer(0, { maxByteLength: 64_000_000 });
        memory.resize(length);
        const body = new Uint8Array(memory, 0, length);
        for (let at = 0; at < length; at += 1) body[at] = at % 251;
        await store.put('segment.bin', body, binary);
        expect(Buffer.compare(await store.get('segment.bin'), body)).toBe(0);
      },
    );

    it('shows nothing of a body that breaks off, and leaves what was there', async () => {
      await expect(store.put('new.bin', breakingOff(), binary)).rejects.toThrow(/broke off/);
      expect(await store.head('new.bin')).toBeUndefined();
      await store.put('old.bin', bytes(7), binary);
      await expect(store.put('old.bin', breakingOff(), binary)).rejects.toThrow(/broke off/);
      expect([...(await store.get('old.bin'))]).toEqual([7]);
      expect((await store.list('')).map((object) => object.key)).toEqual(['old.bin']);
    });

    it('takes more than fits into one part, and refuses to replace it when asked', async () => {
      const once = { ...binary, ifNoneMatch: true };
      expect(await store.put('large.bin', large(), once)).toMatchObject({
        created: true,
        object: { bytes: 17_000_000 },
      });
      expect(await store.put('large.bin', large(), once)).toMatchObject({
        created: false,
        object: { bytes: 17_000_000 },
      });
      const hash = createHash('sha256');
      for await (const piece of await store.stream('large.bin')) hash.update(piece);
      const expected = createHash('sha256');
      for await (const piece of large()) expected.update(piece);
      expect(hash.digest('hex')).toBe(expected.digest('hex'));
      expect([...(await store.get('large.bin', { start: 8_999_999, end: 9_000_000 }))]).toEqual([8, 9]);
    });

    it('shows nothing of a large body that breaks off', async () => {
      await expect(store.put('large.bin', large(12), binary)).rejects.toThrow(/broke off/);
      expect(await store.list('')).toEqual([]);
    });

    it('refuses a type that the name of the object contradicts', async () => {
      await expect(store.put('x.mp4', Buffer.from('x'), { contentType: 'image/png' })).rejects.toMatchObject({
        code: 'store.bad-key',
        message: expect.stringContaining('says video/mp4, and its content is image/png') as string,
      });
    });

    it('replaces an object in one step, and its validator changes', async () => {
      const first = await store.put('x.txt', Buffer.from('one'), text);
      const second = await store.put('x.txt', Buffer.from('two'), text);
      expect(second.created).toBe(true);
      expect(second.object.etag).not.toBe(first.object.etag);
      expect(await collect(await store.stream('x.txt'))).toBe('two');
    });

    it('never shows a mixture to one who reads while it is replaced', async () => {
      const [zeros, ones] = [Buffer.alloc(300_000, 0), Buffer.alloc(300_000, 1)];
      await store.put('x.bin', zeros, binary);
      const writing = (async () => {
        for (let turn = 0; turn < 20; turn += 1) await store.put('x.bin', turn % 2 ? zeros : ones, binary);
        return 'written' as const;
      })();
      let reads = 0;
      while ((await Promise.race([writing, store.get('x.bin')])) !== 'written') {
        const seen = await store.get('x.bin');
        expect(seen).toHaveLength(300_000);
        expect(new Set(seen).size).toBe(1);
        reads += 1;
      }
      expect(reads).toBeGreaterThan(0);
    });

    it('leaves an existing object when asked to, and says so', async () => {
      const once = { ...text, ifNoneMatch: true };
      expect(await store.put('x.txt', Buffer.from('one'), once)).toMatchObject({ created: true });
      const again = await store.put('x.txt', Buffer.from('second'), once);
      expect(again).toMatchObject({ created: false, object: { bytes: 3 } });
      expect(await collect(await store.stream('x.txt'))).toBe('one');
    });

    it('lets exactly one of many writers create an object', async () => {
      const all = await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const done = await store.put('x.txt', Buffer.from(`writer ${index}`), {
            ...text,
            ifNoneMatch: true,
          });
          return { created: done.created, index };
        }),
      );
      const winners = all.filter((one) => one.created);
      expect(winners).toHaveLength(1);
      expect(await collect(await store.stream('x.txt'))).toBe(`writer ${winners[0]?.index}`);
    });

    const ranges = [
      { range: { start: 0, end: 0 }, expected: 'a' },
      { range: { start: 2, end: 4 }, expected: 'cde' },
      { range: { start: 9, end: 9 }, expected: 'j' },
      { range: { start: 8, end: 99 }, expected: 'ij' },
    ];
    it.each(ranges)('reads bytes $range.start to $range.end', async ({ range, expected }) => {
      await put('x.txt', 'abcdefghij');
      expect(Buffer.from(await store.get('x.txt', range)).toString()).toBe(expected);
      expect(await collect(await store.stream('x.txt', range))).toBe(expected);
    });

    it('refuses bytes that begin behind the end', async () => {
      await put('x.txt', 'abcdefghij');
      await expect(store.get('x.txt', { start: 10, end: 12 })).rejects.toMatchObject({
        code: 'store.bad-range',
      });
      await expect(store.get('x.txt', { start: 3, end: 2 })).rejects.toMatchObject({
        code: 'store.bad-range',
      });
    });

    it('says not-found for what is not there, also beneath an object and for a folder', async () => {
      await put('a.txt');
      await put('folder/b.txt');
      for (const key of ['no.txt', 'no/no.txt', 'a.txt/b', 'folder']) {
        await expect(store.get(key)).rejects.toMatchObject({ code: 'store.not-found', retryable: false });
        await expect(store.stream(key)).rejects.toMatchObject({ code: 'store.not-found' });
        expect(await store.head(key)).toBeUndefined();
      }
    });

    it('lists in the order of the keys, across folders', async () => {
      const all = ['a-b.txt', 'a.txt', 'a/a.txt', 'a/b/c.txt', 'a/b0.txt', 'a0.txt', 'b/x.txt'];
      for (const key of all.toReversed()) await put(key);
      expect(await keys('')).toEqual(all);
    });

    it('lists what begins with a prefix, which may end within a name', async () => {
      for (const key of ['run/000001.ts.txt', 'run/000002.txt', 'run/000010.txt', 'runs/1.txt'])
        await put(key);
      expect(await keys('run/')).toEqual(['run/000001.ts.txt', 'run/000002.txt', 'run/000010.txt']);
      expect(await keys('run/00000')).toEqual(['run/000001.ts.txt', 'run/000002.txt']);
      expect(await keys('run')).toHaveLength(4);
      expect(await keys('run/000002.txt')).toEqual(['run/000002.txt']);
      expect(await keys('no/')).toEqual([]);
    });

    it('lists page by page without a gap or a repeat', async () => {
      const all = Array.from(
        { length: 23 },
        (_, index) => `p/${index % 3}/${String(index).padStart(2, '0')}.txt`,
      );
      for (const key of all) await put(key);
      const seen: string[] = [];
      for (let startAfter = ''; ;) {
        const page = await store.list('p/', { startAfter, limit: 5 });
        seen.push(...page.map((object) => object.key));
        const last = page.at(-1);
        if (last === undefined) break;
        expect(page.length).toBeLessThanOrEqual(5);
        startAfter = last.key;
      }
      expect(seen).toEqual(all.toSorted());
    });

    it('goes on after a key that is not there (any more)', async () => {
      for (const key of ['a/1.txt', 'a/3.txt', 'b/1.txt']) await put(key);
      expect(await keys('', 'a/2.txt')).toEqual(['a/3.txt', 'b/1.txt']);
      expect(await keys('', 'a/9')).toEqual(['b/1.txt']);
      expect(await keys('', 'b/1.txt')).toEqual([]);
    });

    it('removes, and does not mind when there is nothing to remove', async () => {
      await put('a/x.txt');
      await store.remove('a/x.txt');
      await store.remove('a/x.txt');
      await store.remove('never/there.txt');
      expect(await store.head('a/x.txt')).toBeUndefined();
      await put('a/x.txt');
      expect(await store.head('a/x.txt')).toBeDefined();
    });

    const badKeys = [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      '../a',
      'a/../b',
      'a/./b',
      'a\\b',
      'a b',
      'é',
      'a\0',
      '~drafts/x',
    ];
    it.each([...badKeys, 'x'.repeat(513), `${'x'.repeat(256)}/y`])('refuses the key %j', async (key) => {
      const expected = { code: 'store.bad-key', retryable: false };
      await expect(store.put(key, bytes(1), binary)).rejects.toMatchObject(expected);
      await expect(store.get(key)).rejects.toMatchObject(expected);
      await expect(store.head(key)).rejects.toMatchObject(expected);
      await expect(store.remove(key)).rejects.toMatchObject(expected);
    });

    it('takes a key of 512 characters', async () => {
      const key = `${'x'.repeat(250)}/${'y'.repeat(250)}/${'z'.repeat(6)}.txt`;
      expect(key).toHaveLength(512);
      await put(key);
      expect((await store.list('x')).map((object) => object.key)).toEqual([key]);
    });

    it('proves that it works, and leaves nothing of the proof', async () => {
      await store.check();
      expect(await store.list('')).toEqual([]);
    });
  });
}

const binary = { contentType: 'application/octet-stream' };

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function* inPieces(): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < 50; index += 1) yield Buffer.alloc(20_000, index);
}

/** 17 MB in pieces of one buffer that is used again and again. */
async function* large(breaksAt = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(1_000_000);
  for (let index = 0; index < 17; index += 1) {
    if (index === breaksAt) throw new Error('the source broke off');
    yield piece.fill(index);
  }
}

async function* breakingOff(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(100_000);
  throw new Error('the source broke off');
}
