import { spawnSync } from 'node:child_process';

import { afterEach, describe, expect, it } from 'vitest';

import { createStandingFfmpegs, type Exchange } from '../../../analytics/sampling/standing-ffmpeg.ts';
import { systemClock } from '../../../core/clock.ts';

let pool = createStandingFfmpegs({ clock: systemClock });
afterEach(async () => {
  await pool.close();
  pool = createStandingFfmpegs({ clock: systemClock });
});

/** Raw sound in, the same out: an answer can be compared with its question. */
const echo = [
  ...'-probesize 32 -analyzeduration 0 -f u8 -ar 8000 -ac 1 -protocol_whitelist pipe -i pipe:0'.split(' '),
  ...'-f u8 -flush_packets 1 pipe:1'.split(' '),
];
/** Whole packets of what it reads at once. */
const block = 3840;

function question(value: number, how: Partial<Exchange> = {}): Exchange {
  return {
    args: echo,
    input: new Uint8Array(block).fill(value),
    answerBytes: [block],
    what: 'testing',
    signal: new AbortController().signal,
    ...how,
  };
}

/** ffmpegs below this process, by pid. */
function ffmpegs(): string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid,ppid,comm'], { encoding: 'utf8' });
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const below = (parent: string): string[] =>
    rows.flatMap(([pid = '', ppid, name]) =>
      ppid !== parent ? [] : [...(name === 'ffmpeg' ? [pid] : []), ...below(pid)],
    );
  return below(String(process.pid));
}

describe('an ffmpeg that stays', () => {
  it('answers one question after the other, and is the same', async () => {
    expect(await pool.ask(question(7))).toEqual([Buffer.alloc(block, 7)]);
    const [pid, ...others] = ffmpegs();
    expect(others).toEqual([]);
    expect(await pool.ask(question(8))).toEqual([Buffer.alloc(block, 8)]);
    expect(ffmpegs()).toEqual([pid]);
  });

  it('is joined by another when two are asked at once, and by one for other arguments', async () => {
    const answers = await Promise.all([pool.ask(question(1)), pool.ask(question(2))]);
    expect(answers).toEqual([[Buffer.alloc(block, 1)], [Buffer.alloc(block, 2)]]);
    expect(ffmpegs()).toHaveLength(2);
    await pool.ask(question(3, { args: [...echo.slice(0, -1), '-y', 'pipe:1'] }));
    expect(ffmpegs()).toHaveLength(3);
  });

  it('is not used again when it said more than was announced', async () => {
    const more = question(1, { answerBytes: [block - 100] });
    await expect(pool.ask(more)).rejects.toMatchObject({ code: 'ffmpeg.no-answer' });
    expect(ffmpegs()).toEqual([]);
    expect(await pool.ask(question(2))).toEqual([Buffer.alloc(block, 2)]);
  });

  it('with an output for each question is used once for each, and what comes behind an answer is dropped', async () => {
    const out = ['-map', '0:a', ...echo.slice(-5, -1)];
    const second = ['-af', `atrim=start_sample=${block}`, ...out, 'pipe:3'];
    const both = [...echo.slice(0, -5), ...out, 'pipe:1', ...second];
    const turns: number[] = [];
    const ask = async (value: number): Promise<Buffer[]> =>
      await pool.ask(
        question(0, {
          args: both,
          input: (turn) => {
            turns.push(turn);
            return new Uint8Array(block).fill(value);
          },
          answerBytes: [block - 100],
          outputCount: 2,
        }),
      );
    expect(await ask(7)).toEqual([Buffer.alloc(block - 100, 7)]);
    const before = ffmpegs();
    // The first output says this as well, and nobody listens.
    expect(await ask(8)).toEqual([Buffer.alloc(block - 100, 8)]);
    await ask(9);
    expect(turns).toEqual([0, 1, 0]);
    expect(ffmpegs()).not.toEqual(before);
  });

  it('of another kind is not asked, though it was started in the same way', async () => {
    await pool.ask(question(1, { kind: 'one' }));
    await pool.ask(question(1, { kind: 'other' }));
    await pool.ask(question(1, { kind: 'one' }));
    expect(ffmpegs()).toHaveLength(2);
  });

  it('that ends before it has answered is an error worth another way', async () => {
    const cannot = ['-f', 'nothing-of-the-kind', '-i', 'pipe:0', '-f', 'u8', 'pipe:1'];
    await expect(pool.ask(question(1, { args: cannot }))).rejects.toMatchObject({
      code: 'ffmpeg.no-answer',
      retryable: true,
    });
  });

  it('is ended when the work is called off, and when the pool is closed', async () => {
    const caller = new AbortController();
    const never = pool.ask(question(1, { answerBytes: [block + 1], signal: caller.signal }));
    caller.abort();
    await expect(never).rejects.toMatchObject({ code: 'aborted' });
    expect(ffmpegs()).toEqual([]);

    await pool.ask(question(1));
    await pool.close();
    expect(ffmpegs()).toEqual([]);
  });
});
