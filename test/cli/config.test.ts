import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command } from 'commander';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

import { register } from '../../cli/commands/config.ts';
import { environmentOf, keptQuiet, readConfig } from '../../cli/config.ts';
import { TouchlineError } from '../../core/errors.ts';
import { memoryIo } from './memory-io.ts';

const cwd = '/srv/match';

describe('readConfig', () => {
  it('needs nothing: every setting has a default, and all of it lies in one folder', () => {
    const config = readConfig({}, cwd);
    expect(config).toMatchObject({
      home: '/srv/match/.touchline',
      store: { kind: 'folder', folder: '/srv/match/.touchline/store' },
      httpHost: '127.0.0.1',
      httpPort: 8080,
      rtmpHost: '127.0.0.1',
      rtmpPort: 1935,
      queue: { engine: 'postgres' },
      databaseUrl: undefined,
      logLevel: 'info',
      segmentMs: 4000,
    });
    expect(config.workerCount).toBeUndefined();
    expect(config.coreCount).toBeGreaterThan(0);
  });

  it('names every problem at once, with the value and what would be right', () => {
    const problems = problemsOf({
      TOUCHLINE_HTTP_PORT: '65536',
      TOUCHLINE_LOG: 'loud',
      TOUCHLINE_STORE: 'ftp://bucket',
      TOUCHLINE_WORKERS: 'two',
    });
    expect(problems).toContain('4 settings are wrong');
    expect(problems).toContain('TOUCHLINE_HTTP_PORT must be a whole number from 0 to 65535');
    expect(problems).toContain('(got "65536")');
    expect(problems).toContain('TOUCHLINE_LOG must be one of debug, info, warn, error, silent');
    expect(problems).toContain('TOUCHLINE_STORE must be a folder or s3://bucket/prefix');
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
      store: config.store,
      modelFolders: ['/srv/match/a', '/srv/match/b'],
      logLevel: 'warn',
      instanceId: config.instanceId,
    });
  });

  it('keeps a child as quiet as its parent, unless a level was asked for', () => {
    for (const [given, level] of [
      [{}, 'warn'],
      [{ TOUCHLINE_LOG: 'info' }, 'info'],
      [{ TOUCHLINE_LOG: 'error' }, 'error'],
    ] as const) {
      const child = environmentOf(keptQuiet(readConfig(given, cwd)));
      expect(readConfig(child, '/elsewhere').logLevel).toBe(level);
    }
  });

  it('names a bucket to a child as it was named to us', () => {
    const env = {
      TOUCHLINE_STORE: 's3://clips-of-ours/season/2026/',
      TOUCHLINE_STORE_KMS_KEY: 'alias/clips',
      TOUCHLINE_STORE_TAGS: 'team=video,env=prod',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:9000',
    };
    const config = readConfig(env, cwd);
    const expected = {
      store: { kind: 's3', bucket: 'clips-of-ours', prefix: 'season/2026' },
      storeKmsKey: 'alias/clips',
      storeTags: { team: 'video', env: 'prod' },
      s3Endpoint: 'http://127.0.0.1:9000',
    };
    expect(config).toMatchObject(expected);
    expect(readConfig(environmentOf(config), '/elsewhere')).toMatchObject(expected);
  });

  it('hands on what the AWS SDK reads by itself, and nothing else of the environment', () => {
    const config = readConfig(
      { AWS_REGION: 'eu-west-1', AWS_SECRET_ACCESS_KEY: 'hunter2', EDITOR: 'vi' },
      cwd,
    );
    expect(environmentOf(config)).toMatchObject({
      AWS_REGION: 'eu-west-1',
      AWS_SECRET_ACCESS_KEY: 'hunter2',
    });
    expect(environmentOf(config)).not.toHaveProperty('EDITOR');
    expect(JSON.stringify(config)).not.toContain('hunter2');
  });
});

describe('touchline.yaml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-config-'));
  const write = (text: string, name = 'touchline.yaml'): void => writeFileSync(join(folder, name), text);
  beforeEach(() => write('web:\n  port: 9000\nstore:\n  url: ./objects\n'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is taken from the working folder, with paths from its own', () => {
    expect(readConfig({}, folder)).toMatchObject({
      httpPort: 9000,
      store: { kind: 'folder', folder: join(folder, 'objects') },
    });
    expect(readConfig({ TOUCHLINE_CONFIG: join(folder, 'touchline.yaml') }, '/')).toMatchObject({
      home: '/.touchline',
      store: { kind: 'folder', folder: join(folder, 'objects') },
    });
  });

  it('gives way to the environment', () => {
    expect(readConfig({ TOUCHLINE_HTTP_PORT: '9001' }, folder).httpPort).toBe(9001);
  });

  it('is not read by a child, which was told everything', () => {
    const env = environmentOf(readConfig({}, folder));
    write('web:\n  port: nonsense\n');
    expect(readConfig(env, folder)).toMatchObject({
      httpPort: 9000,
      store: { kind: 'folder', folder: join(folder, 'objects') },
    });
  });

  it.each([
    ['missing.yaml', /cannot be read \(ENOENT\)/],
    ['large.yaml', /has 65537 bytes, settings have at most 65536/],
  ])('refuses %s by name', (name, message) => {
    if (name.startsWith('large')) write('#'.repeat(65_537), name);
    expect(() => readConfig({ TOUCHLINE_CONFIG: name }, folder)).toThrow(message);
  });

  it('shows each value with its origin, and no secret', async () => {
    write('web: { port: 9000 }\nserver: { token: "0123456789abcdef" }\n');
    const lines = await shown(folder, 'show', '--json');
    expect(lines).not.toContain('0123456789abcdef');
    const { settings } = JSON.parse(lines) as { settings: { path: string; value: string; origin: string }[] };
    expect(settings).toContainEqual({
      path: 'web.port',
      env: 'TOUCHLINE_HTTP_PORT',
      value: '9000',
      origin: `${folder}/touchline.yaml:1`,
    });
    expect(settings).toContainEqual(expect.objectContaining({ path: 'server.token', value: '***' }));
  });

  it('is checked with one word', async () => {
    expect(await shown(folder, 'check')).toContain('ok: 2 of');
  });

  it('is checked with the policy of scaling that it names', async () => {
    write('scaling: { policy: policy.yaml }\n');
    write('countMin: 5\ncountMax: 4\n', 'policy.yaml');
    await expect(shown(folder, 'check')).rejects.toThrow(
      /policy\.yaml: countMin is 5, more than countMax \(4\)/,
    );
    write('countMin: 3\ncountMax: 4\n', 'policy.yaml');
    expect(await shown(folder, 'check')).toContain('ok: 1 of');
  });
});

async function shown(cwd: string, ...args: string[]): Promise<string> {
  const { io, printed } = memoryIo();
  const program = new Command();
  register(program, { ...io, cwd });
  await program.parseAsync(['config', ...args], { from: 'user' });
  return printed.lines.join('\n');
}

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
