import { describe, expect, it } from 'vitest';

import { environmentOf, readConfig } from '../../core/config.ts';
import { TouchlineError } from '../../core/errors.ts';

const cwd = '/srv/match';

describe('readConfig', () => {
  it('needs nothing: every setting has a default, and all of it lies in one folder', () => {
    const config = readConfig({}, cwd);
    expect(config).toMatchObject({
      home: '/srv/match/.touchline',
      storeFolder: '/srv/match/.touchline/store',
      httpHost: '127.0.0.1',
      httpPort: 8080,
      rtmpHost: '127.0.0.1',
      rtmpPort: 1935,
      queueEngine: 'postgres',
      databaseUrl: undefined,
      logLevel: 'info',
      segmentMs: 4000,
    });
    expect(config.workerCount).toBeGreaterThan(0);
  });

  it('names every problem at once, with the value and what would be right', () => {
    const problems = problemsOf({
      TOUCHLINE_HTTP_PORT: '65536',
      TOUCHLINE_LOG: 'loud',
      TOUCHLINE_STORE: 's3://bucket',
      TOUCHLINE_WORKERS: 'two',
    });
    expect(problems).toContain('4 settings are wrong');
    expect(problems).toContain('TOUCHLINE_HTTP_PORT must be a whole number from 0 to 65535');
    expect(problems).toContain('(got "65536")');
    expect(problems).toContain('TOUCHLINE_LOG must be one of debug, info, warn, error, silent');
    expect(problems).toContain('TOUCHLINE_STORE must be a folder');
    expect(problems).toContain('TOUCHLINE_WORKERS must be a whole number');
  });

  it('never shows a secret, neither in a problem nor when it is printed', () => {
    expect(problemsOf({ DATABASE_URL: 'mysql://root:hunter2@db/x' })).not.toContain('hunter2');
    const config = readConfig({ DATABASE_URL: 'postgres://me:hunter2@db/x' }, cwd);
    expect(JSON.stringify(config)).not.toContain('hunter2');
    expect(config.databaseUrl?.reveal()).toBe('postgres://me:hunter2@db/x');
  });

  it.each([
    ['1999', false],
    ['2000', true],
    ['6000', true],
    ['6001', false],
  ])('segments of %s ms: %s', (value, isRight) => {
    if (isRight) expect(readConfig({ TOUCHLINE_SEGMENT_MS: value }, cwd).segmentMs).toBe(Number(value));
    else expect(problemsOf({ TOUCHLINE_SEGMENT_MS: value })).toContain('TOUCHLINE_SEGMENT_MS');
  });

  it('takes an empty value as none', () => {
    expect(readConfig({ TOUCHLINE_RTMP_PORT: '', DATABASE_URL: '' }, cwd).rtmpPort).toBe(1935);
  });

  it('lets the feed be open to the network while the page is not, and the other way round', () => {
    expect(readConfig({ TOUCHLINE_HTTP_HOST: '0.0.0.0' }, cwd).rtmpHost).toBe('0.0.0.0');
    const config = readConfig({ TOUCHLINE_RTMP_HOST: '0.0.0.0' }, cwd);
    expect([config.rtmpHost, config.httpHost]).toEqual(['0.0.0.0', '127.0.0.1']);
  });

  it('comes out the same in a child that starts in another folder', () => {
    const config = readConfig(
      { TOUCHLINE_STORE: 'here', TOUCHLINE_MODELS: 'a:b', TOUCHLINE_LOG: 'warn' },
      cwd,
    );
    const child = readConfig(environmentOf(config), '/elsewhere');
    expect(child).toMatchObject({
      home: config.home,
      storeFolder: config.storeFolder,
      modelFolders: ['/srv/match/a', '/srv/match/b'],
      logLevel: 'warn',
      instanceId: config.instanceId,
    });
  });
});

function problemsOf(env: Record<string, string>): string {
  try {
    readConfig(env, cwd);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(TouchlineError);
    expect((thrown as TouchlineError).code).toBe('config.invalid');
    return (thrown as TouchlineError).message;
  }
  throw new Error('these settings should have been refused');
}
