import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { RunReport } from '../../control/match-desk.ts';
import { clipSidecar } from '../../core/clip.ts';
import type { Moment, Signal } from '../../core/moment.ts';
import { writeRoaringMatch } from '../support/roaring-match.ts';
import { install, isAlive, processTree, type Installation } from '../support/touchline.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchline-house-'));
const recording = join(folder, 'match.mp4');
let installation: Installation;

/** The compiled program, real engines and a recording of 36 s in which the crowd roars at 16 s. */
beforeAll(async () => {
  writeRoaringMatch(recording, { seconds: 36, roarAtSeconds: 16 });
  installation = await install({ TOUCHLINE_WORKERS: '1' });
});
afterAll(() => {
  installation?.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('touchline', { timeout: 240_000 }, () => {
  it('analyses a recording without a server and leaves nothing behind; taking it in gives the same moments, and clips', async () => {
    const before = readdirSync(installation.home);
    const analysed = await installation.run(['analyse', recording, '--sport', 'soccer', '--json']);
    expect(analysed).toMatchObject({ exitCode: 0 });
    expect(readdirSync(installation.home)).toEqual(before);
    const found = analysed.json as {
      durationMs: number;
      segments: number;
      signals: Signal[];
      moments: Moment[];
    };
    expect(Object.keys(found)).toEqual(['durationMs', 'segments', 'signals', 'moments']);
    expect(found).toMatchObject({ durationMs: 36_000, segments: 9 });
    const floor = found.signals.find(({ name }) => name === 'crowd.floor');
    expect(floor?.atMs.length).toBe(floor?.values.length);
    expect(floor?.atMs).toEqual(floor?.atMs.toSorted((one, other) => one - other));
    expect(found.moments).toHaveLength(1);
    expect(Math.abs((found.moments[0]?.peakMs ?? 0) - 16_000)).toBeLessThanOrEqual(1000);
    expect(Object.keys(found.moments[0] ?? {}).toSorted()).toEqual([
      'id',
      'inMs',
      'label',
      'outMs',
      'peakMs',
      'reasons',
      'score',
    ]);

    const taken = await installation.run(
      ['ingest', recording, '--as', 'cup', '--sport', 'soccer', '--json'],
      {
        wallMsMax: 180_000,
      },
    );
    expect(taken.exitCode, taken.stderrTail.join('\n')).toBe(0);
    const report = taken.json as RunReport;
    expect(Object.keys(report)).toEqual(['channel', 'run', 'segments', 'moments', 'clips', 'notes']);
    expect(report).toMatchObject({ channel: 'cup', segments: { total: 9, dead: 0 } });
    expect(report.segments.clip + report.segments.noClip).toBe(9);
    expect(report.moments.map(times)).toEqual(found.moments.map(times));
    expect(report.moments[0]?.state).toBe('exact');

    const [clip] = report.clips;
    expect(clip).toMatchObject({ momentId: report.moments[0]?.id, revision: 'exact', proven: true });
    const wide = clip?.renditions.find(({ preset }) => preset === 'wide');
    expect(existsSync(wide?.path ?? '')).toBe(true);
    const sidecarPath = join(wide?.path ?? '', '..', `${clip?.id}.json`);
    const sidecar = clipSidecar.parse(JSON.parse(readFileSync(sidecarPath, 'utf8')));
    expect(sidecar.renditions.map(({ key }) => key)).toEqual(clip?.renditions.map(({ key }) => key));
    // Nothing of the server that it had to start is left, and the next one finds what was made.
    expect(existsSync(join(installation.home, 'postgres/data/postmaster.pid'))).toBe(false);
  });

  it('takes a recording in through the server that runs; Ctrl-C ends that and its children in order, the database last', async () => {
    const up = await installation.up();
    const tree = processTree(up.pid);
    expect(tree.filter(({ command }) => command.includes('--supervised'))).toHaveLength(1);
    const second = await installation.run(['up'], { wallMsMax: 60_000 });
    expect(second.exitCode).toBe(4);
    expect(second.stderrTail.at(-1)).toMatch(/another touchline server works on this database/);
    const taken = await installation.run(
      ['ingest', recording, '--as', 'league', '--sport', 'soccer', '--json'],
      {
        wallMsMax: 180_000,
      },
    );
    expect(taken.exitCode, taken.stderrTail.join('\n')).toBe(0);
    expect((taken.json as RunReport).clips).toHaveLength(1);
    const everyone = processTree(up.pid);
    const exit = await up.interrupt();
    expect(exit).toMatchObject({ exitCode: 0 });
    expect(exit.stderrTail.filter((line) => line.startsWith('{'))).toEqual([]);
    expect([...tree, ...everyone].filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(existsSync(join(installation.home, 'server.json'))).toBe(false);
  });

  it.each([
    ['TOUCHLINE_HTTP_PORT', /port \d+ on 127\.0\.0\.1 is taken.*TOUCHLINE_HTTP_PORT/],
    ['TOUCHLINE_RTMP_PORT', /TOUCHLINE_RTMP_PORT/],
  ])('says in one message which port is taken, and how to choose another: %s', async (name, message) => {
    const neighbour = createServer();
    await new Promise<void>((resolve) =>
      neighbour.listen(Number(installation.env[name]), '127.0.0.1', resolve),
    );
    const refused = await installation.run(['up'], { wallMsMax: 60_000 });
    await new Promise((resolve) => neighbour.close(resolve));
    expect(refused.exitCode).toBe(4);
    expect(refused.stderrTail.at(-1)).toMatch(message);
  });
});

function times({ label, peakMs, inMs, outMs, score, reasons }: Moment): unknown {
  return { label, peakMs, inMs, outMs, score, reasons };
}

describe('what a script learns from the exit code', () => {
  const nonsense = join(folder, 'nonsense.mp4');
  const empty = join(folder, 'empty.mp4');
  const badRules = join(folder, 'rules.yaml');
  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(nonsense, 'this is no video');
    writeFileSync(empty, '');
    writeFileSync(badRules, 'threshold: loud\n');
  });

  it.each([
    [['nonsense'], 2, /unknown command/],
    [['ingest', 'x.mp4'], 2, /--as/],
    [['analyse', '/no/such/file.mp4'], 3, /\/no\/such\/file\.mp4 is not a file/],
    [['analyse', nonsense], 5, /nonsense\.mp4 cannot be read as a recording/],
    [['analyse', empty], 5, /empty\.mp4 is empty/],
    [['analyse', nonsense, '--rules', badRules], 5, /line 1, column \d+: threshold/],
    [['analyse', nonsense, '--sport', 'chess'], 5, /no rules for the sport "chess"/],
    [['worker'], 7, /no server runs.*touchline serve/],
  ] as const)('%j ends with %i', async (args, exitCode, message) => {
    const done = await installation.run(args);
    expect(done.stderrTail.join('\n')).toMatch(message);
    expect(done.exitCode).toBe(exitCode);
    expect(done.stdout).toBe('');
  });

  it('ends with 78 and every problem at once when the settings are wrong', async () => {
    const broken = await install({ TOUCHLINE_RTMP_PORT: 'none', TOUCHLINE_LOG: 'loud' });
    const done = await broken.run(['up', '--json']);
    broken.remove();
    expect(done.exitCode).toBe(78);
    expect(done.json).toMatchObject({ error: { code: 'config.invalid' } });
    for (const name of ['TOUCHLINE_RTMP_PORT', 'TOUCHLINE_LOG']) {
      expect(done.stderrTail.join('\n')).toContain(name);
    }
  });

  it.each(['local', 'dry-run', 'off'])(
    'ends with 78 when the policy contradicts itself, before anything is opened: %s',
    async (scaling) => {
      const policy = join(folder, 'policy.yaml');
      writeFileSync(policy, 'countMin: 5\ncountMax: 2\n');
      const broken = await install({ TOUCHLINE_SCALING: scaling, TOUCHLINE_SCALING_POLICY: policy });
      const done = await broken.run(['up']);
      expect(done.exitCode).toBe(78);
      expect(done.stderrTail).toEqual([
        `touchline: ${policy}: countMin is 5, more than countMax (2) (got 5)`,
      ]);
      expect(readdirSync(broken.home)).toEqual([]);
      broken.remove();
    },
  );

  it('ends with 69 where there is no ffmpeg, before anything is started or a job is taken', async () => {
    const programs = join(folder, 'few-programs');
    mkdirSync(programs);
    symlinkSync('/usr/bin/setpriv', join(programs, 'setpriv'));
    const bare = await install({ PATH: programs });
    for (const command of ['up', 'worker']) {
      const done = await bare.run([command]);
      expect(done.exitCode, command).toBe(69);
      expect(done.stderrTail).toEqual([expect.stringMatching(/^touchline: ffmpeg is not on the PATH/)]);
    }
    expect(readdirSync(bare.home)).toEqual([]);
    bare.remove();
  });

  it.each([['analyse', recording], ['up']])(
    'ends with 78 when a model of the folder cannot be used: %s',
    async (...args) => {
      const models = join(folder, 'models');
      mkdirSync(models, { recursive: true });
      const manifest = JSON.parse(readFileSync('analytics/models/silero-vad.json', 'utf8')) as {
        file: string;
      };
      writeFileSync(join(models, 'mine.onnx'), 'no model');
      writeFileSync(
        join(models, 'mine.json'),
        JSON.stringify({ ...manifest, id: 'mine', file: 'mine.onnx' }),
      );
      const broken = await install({ TOUCHLINE_WORKERS: '1', TOUCHLINE_MODELS: models });
      const done = await broken.run(args);
      broken.remove();
      expect(done.stderrTail.join('\n')).toMatch(/model mine has task "vad"/);
      expect(done.exitCode).toBe(78);
    },
    70_000,
  );

  it('prints the error as the one document when that was asked for', async () => {
    const done = await installation.run(['analyse', empty, '--json']);
    expect(done.json).toMatchObject({ error: { code: 'ingest.not-media', retryable: false } });
  });
});
