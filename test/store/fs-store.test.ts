import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemRandom } from '../../core/random.ts';
import { isOnPath, probe } from '../../core/process.ts';
import { storeFault } from '../../store/fs-fault.ts';
import { openFsStore } from '../../store/fs-store.ts';
import { objectStoreContract } from './object-store-contract.ts';

const random = systemRandom;

objectStoreContract('fs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'touchline-store-'));
  return {
    store: await openFsStore({ folder, random }),
    done: async () => await rm(folder, { recursive: true, force: true }),
  };
});

describe('a store in a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'touchline-store-'));
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  it('makes its folder, and says where people find an object', async () => {
    const store = await openFsStore({ folder: join(folder, 'new', 'store'), random });
    await store.put('clips/c.mp4', Buffer.from('x'), { contentType: 'video/mp4' });
    expect(store.localPath('clips/c.mp4')).toBe(join(folder, 'new', 'store', 'clips', 'c.mp4'));
    expect(await readdir(join(folder, 'new', 'store', 'clips'))).toEqual(['c.mp4']);
  });

  it('removes what a killed process was writing, and nothing of one that lives', async () => {
    await openFsStore({ folder, random });
    const drafts = join(folder, '~drafts');
    await writeFile(join(drafts, '999999999-dead'), 'half');
    await writeFile(join(drafts, `${process.ppid}-alive`), 'half');
    await openFsStore({ folder, random });
    expect(await readdir(drafts)).toEqual([`${process.ppid}-alive`]);
  });

  it('leaves no draft behind, whatever becomes of the object', async () => {
    const store = await openFsStore({ folder, random });
    const once = { contentType: 'text/plain', ifNoneMatch: true };
    await Promise.all([1, 2, 3].map(async () => await store.put('x.txt', Buffer.from('x'), once)));
    await expect(store.put('x.txt/y.txt', Buffer.from('x'), once)).rejects.toThrow();
    expect(await readdir(join(folder, '~drafts'))).toEqual([]);
  });

  it('neither reads, writes nor removes through a symbolic link', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'touchline-outside-'));
    await writeFile(join(outside, 'secret.txt'), 'secret');
    const store = await openFsStore({ folder, random });
    await symlink(outside, join(folder, 'way-out'));
    await mkdir(join(folder, 'a'));
    await symlink(join(outside, 'secret.txt'), join(folder, 'a', 'link.txt'));
    for (const key of ['way-out/secret.txt', 'a/link.txt']) {
      await expect(store.get(key)).rejects.toMatchObject({ code: 'store.bad-key' });
      await expect(store.stream(key)).rejects.toMatchObject({ code: 'store.bad-key' });
    }
    await expect(
      store.put('way-out/new.txt', Buffer.from('x'), { contentType: 'text/plain' }),
    ).rejects.toMatchObject({
      code: 'store.bad-key',
    });
    await expect(store.remove('way-out/secret.txt')).rejects.toMatchObject({ code: 'store.bad-key' });
    expect(await store.list('')).toEqual([]);
    expect(await readdir(outside)).toEqual(['secret.txt']);
    await rm(outside, { recursive: true });
  });

  it('refuses two keys of which one is a folder of the other', async () => {
    const store = await openFsStore({ folder, random });
    const text = { contentType: 'application/octet-stream' };
    await store.put('a', Buffer.from('x'), text);
    await expect(store.put('a/b', Buffer.from('x'), text)).rejects.toMatchObject({ code: 'store.bad-key' });
    await store.put('c/d', Buffer.from('x'), text);
    await expect(store.put('c', Buffer.from('x'), text)).rejects.toMatchObject({ code: 'store.bad-key' });
    await expect(store.put('c', Buffer.from('x'), { ...text, ifNoneMatch: true })).rejects.toMatchObject({
      code: 'store.bad-key',
    });
  });

  it('says which folder cannot be used, and what to look at', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(openFsStore({ folder: join(folder, 'file'), random })).rejects.toThrow(/TOUCHLINE_STORE/);
  });

  const canMakeSmallDisk =
    isOnPath('bwrap') && probe('bwrap', ['--dev-bind', '/', '/', '--tmpfs', '/mnt', 'true']).ok;
  it.skipIf(!canMakeSmallDisk)('says when the disk is full, keeps what it had, and goes on after', () => {
    const script = new URL('../support/fill-store.ts', import.meta.url).pathname;
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), script, '/mnt'];
    const done = probe('bwrap', ['--dev-bind', '/', '/', '--size', '1048576', '--tmpfs', '/mnt', ...node]);
    expect(JSON.parse(done.stdout)).toEqual({
      code: 'store.full',
      retryable: true,
      listed: ['kept.bin'],
      drafts: 0,
      afterwards: true,
    });
  });

  it.each([
    ['ENOSPC', 'store.full', true],
    ['EDQUOT', 'store.full', true],
    ['ENOENT', 'store.not-found', false],
    ['EIO', 'store.unavailable', true],
    ['EROFS', 'store.unavailable', true],
    ['EMFILE', 'store.unavailable', true],
  ])('calls %s %s', (errno, code, retryable) => {
    const fault = storeFault(Object.assign(new Error('said the system'), { code: errno }), 'a/b.ts');
    expect(fault).toMatchObject({ code, retryable, message: expect.stringContaining('a/b.ts') as string });
  });
});
