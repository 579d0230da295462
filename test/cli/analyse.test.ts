import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { register } from '../../cli/commands/analyse.ts';
import { runFfmpeg } from '../../core/ffmpeg.ts';
import type { Moment, Signal } from '../../core/moment.ts';
import { isMissing, sharedPath } from '../analytics/support/make-media.ts';
import { modelFolder, spotterManifest } from '../analytics/support/model-fixtures.ts';
import { redSpotter } from '../analytics/support/onnx-file.ts';
import { memoryIo } from './memory-io.ts';

let models: Awaited<ReturnType<typeof modelFolder>>;
let recording: string;

/** 30 s of grey without sound or bug, red from 16 to 18 s, and a folder with a model that knows red. */
beforeAll(async () => {
  const options = { frames: 6, layout: 'BTCHW' } as const;
  const bytes = redSpotter(options);
  const manifest = spotterManifest(bytes, options);
  models = await modelFolder([{ manifest }]);
  await writeFile(join(models.folder, manifest.file), bytes);
  recording = join(models.folder, 'match.mp4');
  const source =
    "color=c=gray:size=160x90:rate=25,drawbox=x=0:y=0:w=iw:h=ih:color=red:t=fill:enable='between(t,15.9,17.9)'";
  await runFfmpeg({
    what: 'making a recording for a test',
    wallMsMax: 60_000,
    workFolder: dirname(recording),
    args: `-f lavfi -i ${source} -t 30 -c:v libx264 -preset ultrafast -g 50 ${recording}`.split(' '),
  });
});
afterAll(async () => await models.remove());

async function analyse(
  env: Record<string, string>,
  file = recording,
): Promise<{ signals: Signal[]; moments: Moment[] }> {
  const { io, printed } = memoryIo(env);
  const program = new Command();
  register(program, io);
  await program.parseAsync(['analyse', file, '--sport', 'soccer', '--json'], { from: 'user' });
  return JSON.parse(printed.lines.join('\n')) as { signals: Signal[]; moments: Moment[] };
}

describe('touchline analyse', () => {
  it('takes a spotter from a folder in the configuration: its signal, and the moment that it alone causes', async () => {
    const { signals, moments } = await analyse({ TOUCHLINE_MODELS: models.folder });
    const signal = signals.find(({ name }) => name === 'red-spotter.goal');
    expect(signal?.atMs.filter((_, index) => (signal.values[index] ?? 0) > 0.1)).toEqual([16_000]);
    expect(signal?.atMs).toHaveLength(60);
    expect(new Set(signal?.atMs).size).toBe(60); // Every frame once, whatever segment it lies in.
    expect(moments).toMatchObject([{ label: 'goal' }]);
    expect(Math.abs((moments[0]?.peakMs ?? 0) - 16_000)).toBeLessThanOrEqual(500);
    expect(moments[0]?.reasons[0]).toMatchObject({
      signal: 'spot:goal',
      atMs: 16_000,
      text: 'The model red-spotter saw "goal" (100 %).',
    });
  });

  it('finds nothing in the same recording without it', async () => {
    const { signals, moments } = await analyse({});
    expect(signals.map(({ name }) => name)).not.toContain('red-spotter.goal');
    expect(moments.map(({ label }) => label)).not.toContain('goal');
  });

  it.skipIf(isMissing('footage/video'))(
    'finds a real goal without sound or bug, once, with its replays outside, and says what it rests on',
    async () => {
      // The ball is in at 12.5 s; replays from 15.4 and from 30.3 s.
      const { moments } = await analyse({}, sharedPath('footage/video/soccer_messi_getafe_goal_replays.mp4'));
      expect(moments).toHaveLength(1);
      expect(Math.abs((moments[0]?.peakMs ?? 0) - 12_500)).toBeLessThanOrEqual(1500);
      expect(moments[0]?.score).toBeLessThan(0.6);
      expect(moments[0]?.reasons[0]?.text).toContain('There is no sound to confirm it.');
    },
  );
});
