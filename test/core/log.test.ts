import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { TouchlineError } from '../../core/errors.ts';
import { createLog, type Log, type LogLevel } from '../../core/log.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-log-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function linesOf(level: LogLevel, write: (log: Log) => void): string[] {
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  write(createLog({ level, fd }));
  closeSync(fd);
  return readFileSync(path, 'utf8').split('\n').filter(Boolean);
}

function countOf(name: string, line: string | undefined): number {
  return (line ?? '').split(`"${name}":`).length - 1;
}

describe('createLog', () => {
  test('a part inside a part is one field that names both', () => {
    const [line] = linesOf('info', (log) =>
      log.child({ part: 'worker', workerId: 'wrk_1' }).child({ part: 'analyst' }).info('model ready'),
    );
    expect(JSON.parse(line ?? '')).toMatchObject({
      part: 'worker.analyst',
      workerId: 'wrk_1',
      msg: 'model ready',
    });
    expect(countOf('part', line)).toBe(1);
  });

  test('a child without a part of its own stays in the one it came from', () => {
    const [line] = linesOf('info', (log) => log.child({ part: 'fleet' }).child({ index: 3 }).info('started'));
    expect(JSON.parse(line ?? '')).toMatchObject({ part: 'fleet', index: 3 });
  });

  test('what a line says itself stands once, in place of what its log says', () => {
    const [line] = linesOf('info', (log) => log.child({ runId: 'run_1' }).info('cut', { runId: 'run_2' }));
    expect(JSON.parse(line ?? '')).toMatchObject({ runId: 'run_2' });
    expect(countOf('runId', line)).toBe(1);
  });

  test('an error is written with its code and its cause', () => {
    const cause = Object.assign(new Error('disk'), { code: 'ENOSPC' });
    const [line] = linesOf('info', (log) => log.error('failed', { error: new Error('put', { cause }) }));
    expect(JSON.parse(line ?? '')).toMatchObject({
      level: 'error',
      error: { message: 'put', cause: { code: 'ENOSPC', message: 'disk' } },
    });
  });

  test.each([
    ['input', false],
    ['environment', false],
    ['touchline', true],
  ] as const)('a fault to be blamed on %s is written with a stack: %s', (blame, hasStack) => {
    const error = new TouchlineError({ code: 'key.refused', message: 'no', retryable: false, blame });
    const [line] = linesOf('info', (log) => log.warn('refused', { error }));
    expect(countOf('stack', line) === 1).toBe(hasStack);
    expect(JSON.parse(line ?? '')).toMatchObject({ error: { code: 'key.refused', message: 'no' } });
  });

  test('what is below the level is not written', () => {
    const lines = linesOf('warn', (log) => {
      log.info('no');
      log.child({ part: 'web' }).info('no');
      log.warn('yes');
    });
    expect(lines).toHaveLength(1);
  });
});
