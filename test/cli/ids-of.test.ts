import { PassThrough, Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { idsOf } from '../../cli/ids-of.ts';

const { signal } = new AbortController();

function read(words: readonly string[], ...pieces: string[]): Promise<string[]> {
  return idsOf(words, { stdin: () => Readable.from(pieces.map((piece) => Buffer.from(piece))), signal });
}
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `mom_${index}`);

function neverRead(): never {
  throw new Error('it was read');
}

describe('the ids of a command', () => {
  it.each([
    [['a', 'b', 'a'], '', ['a', 'b']],
    [['a', '-', 'b'], 'c\nb\r\n\n  a d', ['a', 'c', 'b', 'd']],
    [['-', '-'], 'a b', ['a', 'b']],
    [['-'], '', []],
  ])('%j with %j on stdin', async (words, piped, found) => {
    expect(await read(words, piped)).toEqual(found);
  });

  it('are whole although they come in pieces, within a letter too', async () => {
    const bytes = Buffer.from('mom_ä b');
    const stdin = () => Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]);
    expect(await idsOf(['-'], { stdin, signal })).toEqual(['mom_ä', 'b']);
  });

  it('leave stdin alone where none is asked for', async () => {
    expect(await idsOf(['a'], { stdin: neverRead, signal })).toEqual(['a']);
  });

  it('are up to 10000, however they come', async () => {
    expect(await read(['-'], ids(10_000).join('\n'))).toHaveLength(10_000);
    const tooMany = { code: 'ids.invalid', message: expect.stringContaining('got 10001 ids') };
    await expect(read(ids(10_001))).rejects.toMatchObject(tooMany);
    await expect(read(['-'], ids(10_001).join('\n'))).rejects.toMatchObject(tooMany);
  });

  it('are not gathered without end', async () => {
    expect(await read(['-'], ' '.repeat(1_210_000))).toEqual([]);
    await expect(read(['-'], ' '.repeat(1_210_000), ' ')).rejects.toThrow(/more than 1210000 bytes/);
  });

  it('are waited for until somebody interrupts', async () => {
    const interrupting = new AbortController();
    const stdin = new PassThrough();
    const waiting = idsOf(['-'], { stdin: () => stdin, signal: interrupting.signal });
    stdin.write('mom_1\n');
    interrupting.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'interrupted' });
    expect(stdin.destroyed).toBe(true);
  });
});
