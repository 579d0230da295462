import { inspect } from 'node:util';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import { clipIdOf, momentId, newId, segmentId } from '../../core/ids.ts';
import { systemRandom } from '../../core/random.ts';
import { retry, retryDelaysMs } from '../../core/retry.ts';
import { Secret } from '../../core/secret.ts';

describe('ids', () => {
  it('of new things differ and hold nothing that a key or a URL would have to escape', () => {
    const ids = Array.from({ length: 1000 }, () => newId('run', systemRandom));
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^run_[0-9a-hjkmnp-tv-z]{16}$/);
  });

  it('of segments sort as their numbers do', () => {
    fc.assert(
      fc.property(fc.nat(999_999), fc.nat(999_999), (a, b) => {
        expect(segmentId('run_x', a) < segmentId('run_x', b)).toBe(a < b);
      }),
    );
  });

  it('of a moment follow from where it is, and those of its clip from the moment', () => {
    expect(momentId('ch_a', 'run_b', 1000)).toBe(momentId('ch_a', 'run_b', 1000));
    expect(momentId('ch_a', 'run_b', 1000)).not.toBe(momentId('ch_a', 'run_b', 1001));
    expect(clipIdOf('mom_abc')).toBe('clp_abc');
  });
});

describe('a secret', () => {
  const secret = new Secret('hunter2');
  it.each([
    ['in a template', 'key='.concat(String(secret))],
    ['as JSON', JSON.stringify({ secret })],
    ['in a dump', inspect({ deep: { secret } }, { showHidden: true, depth: 9 })],
  ])('does not show %s', (_where, text) => expect(text).not.toContain('hunter2'));

  it('is there for whoever asks for it by name', () => expect(secret.reveal()).toBe('hunter2'));
});

describe('trying again', () => {
  const fields = { code: 'x', message: 'x', blame: 'environment' } as const;
  const failing = (failures: number, retryable: boolean) => {
    let calls = 0;
    return async () => {
      calls += 1;
      if (calls <= failures) throw new TouchlineError({ ...fields, retryable });
      return calls;
    };
  };
  const slept: number[] = [];
  const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async (ms: number) => void slept.push(ms) };
  const options = {
    policy: { delaysMs: [100, 200], jitter: 0.5 },
    clock,
    random: { unit: () => 0.5, bytes: () => new Uint8Array() },
  };

  it('goes on while the policy lasts', async () => {
    expect(await retry(failing(2, true), options)).toBe(3);
    expect(slept).toEqual([75, 150]);
  });
  it('ends with the last error when it is used up', () =>
    expect(retry(failing(3, true), options)).rejects.toMatchObject(fields));
  it('ends at once for what will not mend itself', () =>
    expect(retry(failing(1, false), options)).rejects.toMatchObject(fields));
  it('takes up to the jitter share off each delay', () => {
    expect(retryDelaysMs({ delaysMs: [1000], jitter: 0.2 }, { ...options.random, unit: () => 1 })).toEqual([
      800,
    ]);
  });
  it('treats a stranger as retryable', () =>
    expect(asTouchlineError(new TypeError('odd'))).toMatchObject({ code: 'unknown', retryable: true }));
});
