import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readEnvironment } from '../../core/env.ts';
import { isOnPath, startChild } from '../../core/process.ts';
import { writeMatch } from '../../cli/demo/write-match.ts';

const isLong = readEnvironment()['TOUCHLINE_TEST_LONG'] !== undefined;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-test-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(!isOnPath('ffmpeg'))('touchline demo', () => {
  it('plays a match of the user through the whole house, says where everything lies, and ends by itself', async () => {
    const path = join(folder, 'own.ts');
    await writeMatch({ path, durationMs: 6_000, seed: 5 });
    const home = join(folder, 'home');
    const { exitCode, stdout, stderr } = await touchline(home, ['demo', path]);
    expect(stderr).toContain(`Pushing ${path} by RTMP`);
    expect(stderr).toMatch(/The page: http:\/\/127\.0\.0\.1:\d+\/welcome#[\w-]{43}/);
    expect(stdout).toMatch(/^segments {2}2: 0 in clips, 2 without, 0 dead$/m);
    expect(exitCode).toBe(0);
    expect(await readdir(home)).not.toContain('server.json');
    expect((await stat(join(home, 'token'))).mode & 0o777).toBe(0o600);

    // The same home, without a server: the desk opens by itself, and the key of the demo was taken back.
    const listed = await touchline(home, ['channel', 'list', '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      channels: [{ name: 'demo-1', state: 'idle', keys: [] }],
    });
    const made = await touchline(home, ['channel', 'create', 'pitch-1', '--json']);
    const { ingest } = JSON.parse(made.stdout) as { ingest: { rtmp: string; key: string } };
    expect(ingest.rtmp).toMatch(new RegExp(`^rtmp://127\\.0\\.0\\.1:\\d+/live/${ingest.key}$`));
    const again = await touchline(home, ['channel', 'create', 'pitch-1', '--json']);
    expect(again.exitCode).toBe(4);
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'channel.taken' } });
  }, 180_000);

  it('says in one line that a file is no match', async () => {
    const path = join(folder, 'notes.txt');
    await writeFile(path, 'no match');
    const { exitCode, stderr } = await touchline(join(folder, 'none'), ['demo', path]);
    expect(exitCode).toBe(5);
    expect(stderr.trim()).toBe(
      `touchline: ${path} cannot be played: give a file with video that ffprobe can read`,
    );
  });

  it.skipIf(!isLong)(
    'finds every goal of the made-up match, and tells no false ones',
    async () => {
      const { exitCode, stdout } = await touchline(join(folder, 'long'), ['demo']);
      expect(stdout).toMatch(/^result {4}3 found, 0 missed, 0 false$/m);
      expect(exitCode).toBe(0);
    },
    600_000,
  );
});

/** Runs our own command line from its source, as a user would, with free ports. */
async function touchline(home: string, args: string[]) {
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const child = await startChild({
    command: process.execPath,
    args: ['--import', import.meta.resolve('tsx'), main, ...args],
    wallMsMax: 600_000,
    env: {
      PATH: readEnvironment()['PATH'],
      TOUCHLINE_HOME: home,
      TOUCHLINE_HTTP_PORT: '0',
      TOUCHLINE_RTMP_PORT: '0',
      TOUCHLINE_WORKERS: '1',
    },
  });
  child.stdin.end();
  const [output] = child.outputs;
  if (!output) throw new Error('a child has a stdout');
  const [stdout, exit] = await Promise.all([text(output), child.exit]);
  return { exitCode: exit.exitCode, stdout, stderr: exit.stderrTail.join('\n') };
}
