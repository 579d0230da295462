import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAnalyst, type Analyst } from '../../analytics/analyst.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { signal as signalSchema, spot as spotSchema } from '../../core/moment.ts';
import { cutFootage, isMissing, makeMedia, readSound, sharedPath, type Media } from './support/make-media.ts';
import { celebrationManifest, modelFolder, yamnetManifest } from './support/model-fixtures.ts';

let analyst: Analyst;
let media: Media;
beforeAll(async () => {
  analyst = createAnalyst({ modelFolders: [], log: silentLog, clock: systemClock });
  media = await makeMedia({
    picture: 'testsrc2=SIZE',
    sound: "aevalsrc='0.01*random(0)+0.3*sin(2*PI*3750*t)*between(t,1,1.6)':s=48000",
    seconds: 4,
    start90k: 5_400_000,
  });
});
afterAll(async () => await analyst.close());

function task(one: Media, pass: 'coarse' | 'fine' = 'coarse'): Parameters<Analyst['analyse']>[0] {
  return { ...one, pass, sport: 'soccer', signal: new AbortController().signal };
}

describe('a look at a segment', () => {
  it('finds every signal of the built-in pack, on the run timeline', async () => {
    const { signals, spots } = await analyst.analyse(task(media));
    expect(signals.map(({ name }) => name).toSorted()).toEqual([
      'crowd.crest',
      'crowd.floor',
      'cuts.difference',
      'motion.amount',
      'speech.probability',
    ]);
    for (const signal of signals) {
      expect(() => signalSchema.parse(signal)).not.toThrow();
      expect(signal.values).toHaveLength(signal.atMs.length);
      expect(signal.atMs.every((atMs) => atMs >= 59_500 && atMs <= 64_000)).toBe(true);
    }
    for (const spot of spots) expect(() => spotSchema.parse(spot)).not.toThrow();
    const whistle = spots.find(({ label }) => label === 'whistle');
    expect(Math.abs((whistle?.atMs ?? 0) - 61_000)).toBeLessThan(60);
    expect(spots.filter(({ label }) => label === 'scoreboard').map(({ atMs }) => atMs)).toEqual([
      60_000, 62_000,
    ]);
  });

  it('finds the same the second time', async () => {
    expect(await analyst.analyse(task(media))).toEqual(await analyst.analyse(task(media)));
  });

  it('looks at movement and cuts alone in the fine pass', async () => {
    const { signals } = await analyst.analyse(task(media, 'fine'));
    expect(signals.map(({ name }) => name)).toEqual(['motion.difference']);
  });

  it('goes without sound, and without pictures, and says nothing about what it did not have', async () => {
    const mute = await analyst.analyse(task(await makeMedia({ picture: 'testsrc2=SIZE', seconds: 2 })));
    expect(mute.signals.map(({ name }) => name)).toEqual(['motion.amount']);
    const dark = await analyst.analyse(task(await makeMedia({ sound: 'sine=f=440', seconds: 2 })));
    expect(dark.signals.map(({ name }) => name)).toEqual([
      'crowd.floor',
      'crowd.crest',
      'speech.probability',
    ]);
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['half of it', (bytes) => bytes.slice(0, bytes.length >> 1)],
    ['a playlist', () => new TextEncoder().encode('#EXTM3U\n/etc/passwd\n')],
    ['random bytes', (bytes) => bytes.map((_, index) => (index * 7919) & 255)],
  ])('with %s for bytes is an error for good, never an empty result', async (_what, damage) => {
    const bytes = damage(media.bytes);
    const segment = { ...media.segment, bytes: Math.max(1, bytes.length) };
    await expect(analyst.analyse(task({ segment, bytes }))).rejects.toMatchObject({
      code: 'segment.corrupt',
      retryable: false,
      blame: 'input',
    });
  });

  it('that is called off ends', async () => {
    const looking = analyst.analyse({ ...task(media), signal: AbortSignal.abort() });
    await expect(looking).rejects.toMatchObject({ code: 'aborted', retryable: true });
  });
});

describe('a wrong folder of models', () => {
  it('is known before the first segment, and fails every one', async () => {
    const wrong = createAnalyst({ modelFolders: ['/nowhere'], log: silentLog, clock: systemClock });
    try {
      await expect(wrong.ready()).rejects.toMatchObject({ code: 'model.bad-manifest' });
      await expect(wrong.analyse(task(media))).rejects.toMatchObject({
        code: 'model.bad-manifest',
        retryable: false,
      });
    } finally {
      await wrong.close();
    }
  });
});

describe.skipIf(isMissing('models'))('models that somebody brings', () => {
  let folder: Awaited<ReturnType<typeof modelFolder>>;
  let equipped: Analyst;
  beforeAll(async () => {
    folder = await modelFolder([
      { manifest: await celebrationManifest(), from: sharedPath('models/celebration_squeezenet.onnx') },
      { manifest: await yamnetManifest(), from: sharedPath('models/yamnet_f16w.onnx') },
    ]);
    equipped = createAnalyst({ modelFolders: [folder.folder], log: silentLog, clock: systemClock });
  });
  afterAll(async () => {
    await equipped.close();
    await folder.remove();
  });

  it('are asked in the pass that has the pictures they want, with nothing but a folder in the configuration', async () => {
    const coarse = await equipped.analyse(task(media));
    const fine = await equipped.analyse(task(media, 'fine'));
    const names = ({ signals }: typeof coarse): string[] => signals.map(({ name }) => name);
    expect(names(coarse).filter((name) => name.startsWith('yamnet.'))).toEqual([
      'yamnet.applause',
      'yamnet.cheering',
      'yamnet.whistle',
    ]);
    expect(names(coarse)).not.toContain('celebration.celebration');
    expect(names(fine)).toContain('celebration.celebration');
    const times = fine.signals.find(({ name }) => name === 'celebration.celebration')?.atMs ?? [];
    expect(times.length).toBeGreaterThanOrEqual(6);
    expect(times.length).toBeLessThanOrEqual(8);
  });

  it('are not asked about other sports', async () => {
    const { signals } = await equipped.analyse({ ...task(media, 'fine'), sport: 'tennis' });
    expect(signals.map(({ name }) => name)).toEqual(['motion.difference']);
  });

  it.skipIf(isMissing('footage/audio'))('hear applause where there is some', async () => {
    const seconds = Math.floor(
      (await readSound(sharedPath('footage/audio/applause_cheer_4s.wav'))).length / 16_000,
    );
    const { segment, bytes } = await cutFootage(sharedPath('footage/audio/applause_cheer_4s.wav'), {
      seconds,
    });
    const { spots } = await equipped.analyse(task({ segment, bytes }));
    expect(spots.filter(({ source }) => source === 'yamnet').map(({ label }) => label)).toContain('applause');
  });
});

describe.skipIf(isMissing('footage/video'))('real footage', () => {
  it('with a commentator is speech, a stadium roar is not', async () => {
    const talking = await cutFootage(sharedPath('footage/video/soccer_internapoli_bug_0611-0643.mp4'), {
      seconds: 6,
    });
    const cheering = await cutFootage(sharedPath('footage/audio/applause_cheer_4s.wav'));
    expect(await meanSpeech(talking)).toBeGreaterThan(0.6);
    expect(await meanSpeech(cheering)).toBeLessThan(0.1);
  });
});

async function meanSpeech(one: Media): Promise<number> {
  const { signals } = await analyst.analyse(task(one));
  const values = signals.find(({ name }) => name === 'speech.probability')?.values ?? [];
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
