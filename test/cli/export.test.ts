import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command } from 'commander';
import { beforeEach, describe, expect, it } from 'vitest';

import { register } from '../../cli/commands/export.ts';
import { Secret } from '../../core/secret.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from '../web/fake-desk.ts';
import { memoryStore } from '../web/memory-store.ts';
import { memoryIo } from './memory-io.ts';

const token = 'server-token-0123456789';
const key = (id: string): string => `clips/ch_1/run_1/${id}/exact-1.wide.mp4`;

let url: string;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-test-'));
  const desk = new FakeDesk();
  for (const [name, decision, startWallMs] of [
    ['late', 'approved', 3_000],
    ['no', 'rejected', 2_000],
    ['early', 'approved', 1_000],
  ] as const) {
    desk.find(`mom_${name}`, { clipId: `clp_${name}` });
    const wide = {
      preset: 'wide',
      key: key(`clp_${name}`),
      contentType: 'video/mp4',
      bytes: 1,
      sha256: '',
      durationMs: 1000,
      width: 640,
      height: 360,
    } as const;
    desk.cut(`mom_${name}`, 'exact', [wide], { decision, startWallMs });
  }
  const store = memoryStore(
    new Map(
      [...desk.clips.keys()].map((id) => [
        key(id),
        { bytes: Buffer.from(`media of ${id}`), contentType: 'video/mp4' },
      ]),
    ),
  );
  const web = await startTestWeb({
    desk,
    store,
    token: new Secret(token),
    exports: {
      collect: async (ids) =>
        ids.map((clipId) => ({
          clipId,
          channelName: 'pitch',
          title: '',
          label: 'goal',
          score: 0.5,
          decision: 'approved',
          tags: [],
          reasons: [],
          fileName: `${clipId}-exact-1.wide.mp4`,
          width: 640,
          height: 360,
          frameRate: { num: 25, den: 1 },
          frameCount: 25,
          peakFrame: 0,
          hasSound: false,
          startWallMs: 0,
        })),
    },
  });
  ({ url } = web);
  return async () => {
    await web.stop();
    await rm(folder, { recursive: true });
  };
});

async function touchline(...words: string[]): Promise<string[]> {
  const { io, printed } = memoryIo({ TOUCHLINE_URL: url, TOUCHLINE_TOKEN: token });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  register(program, { ...io, cwd: folder });
  await program.parseAsync(['export', ...words], { from: 'user' });
  return [...printed.lines];
}

describe('touchline export', () => {
  it('writes all that is approved, the earliest first, and its media where the timeline looks for it', async () => {
    const file = join(folder, 'evening', 'cup.edl');
    expect(await touchline('--approved', '--out', 'evening/cup.edl', '--media')).toEqual([file]);
    const names = [...(await readFile(file, 'utf8')).matchAll(/FROM CLIP NAME: (\S+)/g)].map(
      ([, name]) => name,
    );
    expect(names).toEqual(['clp_early-exact-1.wide.mp4', 'clp_late-exact-1.wide.mp4']);
    expect(new Set(await readdir(join(folder, 'evening')))).toEqual(new Set([...names, 'cup.edl']));
    expect(await readFile(join(folder, 'evening', names[0] ?? ''), 'utf8')).toBe('media of clp_early');
  });

  it('writes those that are named, in that order, under the name that the server gives', async () => {
    const [line = ''] = await touchline(
      'clp_late',
      'clp_early',
      '--format',
      'csv',
      '--title',
      'Cup final',
      '--json',
    );
    expect(JSON.parse(line)).toEqual({
      file: join(folder, 'Cup-final.csv'),
      format: 'csv',
      clipIds: ['clp_late', 'clp_early'],
      media: [],
    });
    const [text] = await touchline('clp_late', '--format', 'otio', '--out', '-');
    expect(text).toContain('Timeline.1');
  });

  it.each([
    [['clp_late'], /--format otio, edl, fcpxml, csv/],
    [['--format', 'otio'], /name a clip, or say --approved/],
    [['clp_late', '--format', 'avi'], /otio, edl, fcpxml, csv/],
  ])('refuses %j', async (words, message) => {
    await expect(touchline(...words)).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual([]);
  });
});
