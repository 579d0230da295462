import { describe, expect, it } from 'vitest';

import { exitCodeOf } from '../../cli/exit-codes.ts';
import { TouchlineError } from '../../core/errors.ts';

describe('the exit code', () => {
  it.each([
    ['config.invalid', 78],
    ['scaling.missing-group', 78],
    ['scaling.denied', 78],
    ['scaling.unavailable', 7],
    ['channel.not-found', 3],
    ['process.missing', 69],
    ['web.something-else', 1],
  ])('of %s is %i', (code, exitCode) => {
    const error = new TouchlineError({ code, message: 'no', retryable: false, blame: 'caller' });
    expect(exitCodeOf(error)).toBe(exitCode);
  });
});
