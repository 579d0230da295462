import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { readConfig } from '../../cli/config.ts';
import { systemRandom } from '../../core/random.ts';
import {
  checkDevice,
  checkFfmpeg,
  checkGpu,
  checkNode,
  checks,
  examine,
  type Finding,
} from '../../cli/doctor/checks.ts';
import { thisMachine } from '../../analytics/inference/cuda-libraries.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchline-test-'));
});
afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

describe('the doctor', () => {
  it.each([
    ['20.19.0', 'ok'],
    ['20.18.3', 'bad'],
    ['18.20.0', 'bad'],
    ['22.0.0', 'ok'],
  ])('says of Node %s: %s', (version, level) => {
    expect(checkNode(version, false).level).toBe(level);
  });

  it.each([
    ['20.20.2', 'warn'],
    ['21.7.0', 'warn'],
    ['22.0.0', 'ok'],
    ['20.18.3', 'bad'],
  ])('says of Node %s where the settings name AWS: %s', (version, level) => {
    expect(checkNode(version, true).level).toBe(level);
  });

  it('warns of Node 20 where a setting names AWS, and only there', async () => {
    const newer = Number(process.versions.node.split('.')[0]) >= 22;
    expect((await ask('node', {})).level).toBe('ok');
    for (const env of [
      { TOUCHLINE_STORE: 's3://clips/cup', AWS_REGION: 'eu-west-1' },
      { TOUCHLINE_QUEUE: 'sqs://eu-west-1/cup' },
    ]) {
      expect((await ask('node', env)).level).toBe(newer ? 'ok' : 'warn');
    }
  });

  it('looks into the policy of the fleet', async () => {
    const path = join(home, 'policy.yaml');
    await writeFile(path, 'sloSecond: 30\n');
    const finding = await ask('policy', { TOUCHLINE_SCALING_POLICY: path });
    expect(finding.level).toBe('bad');
    expect(finding.message).toContain('sloSecond is nothing that a policy has');
    expect((await ask('policy', {})).level).toBe('ok');
    // As the server reads it: on this machine no more processes than cores, unless the file says so.
    await writeFile(path, 'countMin: 5000\n');
    const env = { TOUCHLINE_SCALING_POLICY: path };
    expect((await ask('policy', env)).message).toMatch(/countMin is 5000, more than countMax \(\d+\)/);
  });

  it('names the encoder that an ffmpeg was built without, and how to get one that has it', () => {
    const stdout = ' V....D mpeg4   MPEG-4\n A....D aac   AAC (Advanced Audio Coding)\n';
    const finding = checkFfmpeg({ ok: true, stdout });
    expect(finding).toMatchObject({ level: 'bad', message: expect.stringContaining('without libx264') });
    expect(finding.message).toContain('apt-get install');
  });

  it('finds a port that another program holds, and names the setting', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen({ host: '127.0.0.1', port: 0 }, resolve));
    const { port } = holder.address() as AddressInfo;
    const env = { TOUCHLINE_HTTP_PORT: '0', TOUCHLINE_RTMP_PORT: String(port) };
    const finding = await ask('ports', env);
    expect(finding.level).toBe('bad');
    expect(finding.message).toContain(`127.0.0.1:${port} is taken`);
    expect(finding.message).toContain('TOUCHLINE_RTMP_PORT');
    expect((await ask('ports', env, true)).level).toBe('ok');
    await new Promise((resolve) => holder.close(resolve));
    expect((await ask('ports', env)).level).toBe('ok');
  });

  it('proves the store by using it, and says when the folder cannot be one', async () => {
    expect((await ask('store', {})).level).toBe('ok');
    await writeFile(join(home, 'a-file'), '');
    const finding = await ask('store', { TOUCHLINE_STORE: join(home, 'a-file') });
    expect(finding.level).toBe('bad');
    expect(finding.message).toContain('a-file');
  });

  it('looks for free space in a folder that does not exist yet', async () => {
    expect((await ask('disk', { TOUCHLINE_STORE: join(home, 'not/yet') })).message).toMatch(
      /^[\d.]+ GB free/,
    );
  });

  it('says when the database does not answer, and never shows its password', async () => {
    const finding = await ask('database', { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' });
    expect(finding.level).toBe('bad');
    expect(finding.message).not.toContain('hunter2');
  });

  it('says where models will run, and of a GPU that was asked for what is missing', async () => {
    const look = { ...thisMachine(undefined), exists: () => false, linkerCache: () => '' };
    expect(checkDevice({ device: 'cpu', libraryPath: undefined }, look).message).toContain('run on cpu');
    expect(checkDevice({ device: 'auto', libraryPath: undefined }, look).message).toContain('no CUDA here');
    const wish = async (): Promise<Finding> => checkDevice({ device: 'cuda', libraryPath: undefined }, look);
    const finding = await examine('device', wish);
    expect(finding.level).toBe('bad');
    expect(finding.message).toMatch(/libonnxruntime_providers_cuda\.so|Linux on x64 only/);
  });

  it.each([
    ['cpu', false, 'ok', /^no NVENC \(why\), NVDEC works$/],
    ['cuda', false, 'warn', /no NVENC \(why\), NVDEC works: install the NVIDIA driver/],
    ['cuda', true, 'ok', /^NVENC works, NVDEC works$/],
  ] as const)('for %s with NVENC %s: %s', async (device, isUsable, level, message) => {
    const finding = await checkGpu(
      { device, libraryPath: undefined },
      {
        nvenc: async () => ({ isUsable, why: 'why' }),
        nvdec: async () => ({ isUsable: true, why: 'a test went through' }),
      },
    );
    expect(finding.level).toBe(level);
    expect(finding.message).toMatch(message);
  });

  it('loads every model, and names the folder that holds none', async () => {
    expect((await ask('models', {})).message).toContain('3 load');
    const finding = await ask('models', { TOUCHLINE_MODELS: join(home, 'no-models') });
    expect(finding).toMatchObject({ level: 'bad', message: expect.stringContaining('no-models') });
  });
});

async function ask(name: string, env: Record<string, string>, isRunning = false): Promise<Finding> {
  const config = readConfig({ TOUCHLINE_HOME: home, ...env }, home);
  const { check } = checks.find((one) => one.name === name) ?? { check: undefined };
  if (!check) throw new Error(`the doctor has no check named ${name}`);
  const context = { config, clock: systemClock, random: systemRandom, isRunning };
  return await examine(name, async () => await check(context));
}
