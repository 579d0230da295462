import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { CutHost } from '../../clipper/cut-clip.ts';
import { clipSidecar } from '../../core/clip.ts';
import { TouchlineError } from '../../core/errors.ts';
import { clipFolderOnDisk, drawCuts, numbersBetween, sha256, type CutOnDisk } from '../support/clips.ts';
import {
  decodeErrors,
  describeSegments,
  makeSegments,
  readNumbers,
  readSound,
  soundDelayMs,
  type TestSegments,
} from '../support/segments.ts';

const clips = clipFolderOnDisk();
afterAll(() => clips.remove());

const sound = { startsAtSeconds: 0 };
const isLong = Boolean(process.env['TOUCHLINE_TEST_LONG']);

const from25 = makeSegments({ fps: '25', seconds: 10, gopFrames: 50, sound });

/** The whole promise for one exact clip. */
function expectExact(done: CutOnDisk, fps: number, wanted: readonly number[]): void {
  const path = done.pathOf('wide');
  expect(decodeErrors(path)).toBe('');
  expect(readNumbers(path)).toEqual(wanted);
  expect(done.sidecar.frameCount).toBe(wanted.length);
  expect(done.sidecar.proven).toBe(true);
  const heard = readSound(path);
  const start = (wanted[0] ?? 0) / fps;
  for (const at of [0.03, wanted.length / fps - 0.12]) {
    expect(Math.abs(soundDelayMs(heard, start, at)), `sound at ${at} s`).toBeLessThanOrEqual(1);
  }
}

describe('an exact clip has every picture that was asked for, no other, and the sound with it', () => {
  const rates: [string, number][] = [
    ['25', 25],
    ['30000/1001', 30_000 / 1001],
    ['50', 50],
    ['60000/1001', 60_000 / 1001],
  ];
  const perRate = isLong ? 25 : 2;
  it.each(rates)(
    'at %s fps',
    async (name, fps) => {
      const segments =
        name === '25'
          ? from25
          : makeSegments({ fps: name, seconds: 10, gopFrames: Math.round(fps * 2), sound });
      const made = new Set<string>();
      const drawn = drawCuts(perRate, { seed: Math.round(fps * 1000), startSecondsMax: 5, secondsMax: 5 });
      for (const { inSeconds, outSeconds } of drawn) {
        const done = await clips.cut(segments, { inSeconds, outSeconds });
        expectExact(done, fps, numbersBetween(fps, inSeconds, outSeconds));
        made.add(done.sidecar.made);
      }
      expect([...made]).toContain('smart');
    },
    600_000,
  );
});

describe('how an exact clip is made', () => {
  it('between two keyframes nothing is encoded', async () => {
    const done = await clips.cut(from25, { inSeconds: 2, outSeconds: 6 });
    expect(done.sidecar.made).toBe('copy');
    expectExact(done, 25, numbersBetween(25, 2, 6));
  });

  it('inside one group of pictures everything is', async () => {
    const done = await clips.cut(from25, { inSeconds: 2.2, outSeconds: 3.6 });
    expect(done.sidecar.made).toBe('encode');
    expect(done.sidecar.notes).toEqual(['encoded as a whole: no keyframe (IDR) lies inside the clip']);
    expectExact(done, 25, numbersBetween(25, 2.2, 3.6));
  });

  it('copied pictures are the very same bits', async () => {
    const done = await clips.cut(from25, { inSeconds: 1.5, outSeconds: 6.5 });
    expect(done.sidecar.made).toBe('smart');
    const whole = await clips.cut(from25, { inSeconds: 0, outSeconds: 10 });
    const hashes = frameHashes(done.pathOf('wide'));
    const source = frameHashes(whole.pathOf('wide')).slice(38, 163);
    const same = hashes.filter((hash, nth) => hash === source[nth]).length;
    // Encoded: 12 pictures of the head, and at most the three of an unfinished group of B pictures at the end.
    expect(hashes).toHaveLength(125);
    expect(same).toBeGreaterThanOrEqual(125 - 12 - 3);
  });

  it('the head looks like its source: shape, profile, colour', async () => {
    const coloured = makeSegments({
      fps: '25',
      seconds: 4,
      gopFrames: 50,
      size: '360x288',
      x264: 'colorprim=bt709:transfer=bt709:colormatrix=bt709:sar=16/11',
    });
    const done = await clips.cut(coloured, { inSeconds: 1, outSeconds: 4 });
    expect(done.sidecar.made).toBe('smart');
    const seen = JSON.parse(
      ffprobe(
        done.pathOf('wide'),
        '-show_frames',
        '-show_entries',
        'frame=color_space,color_primaries,color_transfer,sample_aspect_ratio',
      ),
    ) as { frames: Record<string, unknown>[] };
    const kinds = new Set(seen.frames.map((frame) => JSON.stringify({ ...frame, side_data_list: [] })));
    expect(seen.frames).toHaveLength(75);
    expect([...kinds]).toEqual([
      '{"sample_aspect_ratio":"16:11","color_space":"bt709","color_primaries":"bt709","color_transfer":"bt709","side_data_list":[]}',
    ]);
  });

  it.each([
    ['an open GOP', { x264: 'open-gop=1:keyint=25:min-keyint=25' }, 'no keyframe (IDR) lies inside the clip'],
    ['interlaced pictures', { x264: 'tff=1' }, 'the feed is interlaced'],
  ])('%s is encoded as a whole', async (_title, extra, why) => {
    const segments = makeSegments({
      fps: '25',
      seconds: 6,
      gopFrames: 25,
      sound,
      segmentSeconds: 10,
      ...extra,
    });
    const done = await clips.cut(segments, { inSeconds: 1.4, outSeconds: 4.4 });
    expect([done.sidecar.made, done.sidecar.notes]).toEqual(['encode', [`encoded as a whole: ${why}`]]);
    expectExact(done, 25, numbersBetween(25, 1.4, 4.4));
  });
});

describe('the fast revision', () => {
  it('starts at the keyframe before, says so, and needs no encoder', async () => {
    const done = await clips.cut(from25, { inSeconds: 3.3, outSeconds: 6.1, revision: 'fast' });
    expect(done.sidecar).toMatchObject({ made: 'copy', revision: 'fast', proven: true });
    expect(done.sidecar.actual.in90k).toBe(180_000);
    expect(done.sidecar.notes).toEqual(['starts 1.30 s early, at the keyframe before']);
    const numbers = readNumbers(done.pathOf('wide'));
    expect(numbers).toEqual(Array.from(numbers, (_, nth) => 50 + nth));
    expect(numbers.at(-1)).toBeGreaterThanOrEqual(152);
    expect(numbers.at(-1)).toBeLessThanOrEqual(156);
    expect(decodeErrors(done.pathOf('wide'))).toBe('');
    expect(Math.abs(soundDelayMs(readSound(done.pathOf('wide')), 2, 1))).toBeLessThanOrEqual(1);
  });
});

describe('sound', () => {
  it('may be absent', async () => {
    const segments = makeSegments({ fps: '25', seconds: 4, gopFrames: 50 });
    const done = await clips.cut(segments, { inSeconds: 1, outSeconds: 3, presets: ['wide', 'waveform'] });
    expect(done.sidecar.notes).toEqual(['the feed has no sound', 'no waveform: the clip has no sound']);
    expect(readNumbers(done.pathOf('wide'))).toEqual(numbersBetween(25, 1, 3));
    expect(done.sidecar.renditions.map(({ preset }) => preset)).toEqual(['wide']);
  });

  it('may come on later: it is where it belongs, with silence before', async () => {
    const segments = makeSegments({ fps: '25', seconds: 6, gopFrames: 50, sound: { startsAtSeconds: 3 } });
    const done = await clips.cut(segments, { inSeconds: 1, outSeconds: 5 });
    expect(done.sidecar.notes.join()).toMatch(/^no sound for 0\.9\d s at 1\.00 s of the run$/);
    const heard = readSound(done.pathOf('wide'));
    expect(Math.max(...heard.subarray(0, 40_000))).toBeLessThan(0.001);
    expect(Math.abs(soundDelayMs(heard, 1, 3))).toBeLessThanOrEqual(1);
    expect(decodeErrors(done.pathOf('wide'))).toBe('');
  });

  it('is brought to the loudness that was asked for, on its place', async () => {
    const done = await clips.cut(from25, { inSeconds: 1.3, outSeconds: 8.3, loudnessLufs: -23 });
    expect(measuredLufs(done.pathOf('wide'))).toBeGreaterThan(-24);
    expect(measuredLufs(done.pathOf('wide'))).toBeLessThan(-22);
    expectExact(done, 25, numbersBetween(25, 1.3, 8.3));
  });
});

describe('what is missing', () => {
  it('a segment that is gone is closed up and named, pictures and sound together', async () => {
    const gone = from25.records[2];
    const done = await clips.cut(
      from25,
      { inSeconds: 3, outSeconds: 9, peakSeconds: 7 },
      {
        readSegment: (segment) =>
          segment.id === gone?.id
            ? Promise.reject(
                new TouchlineError({
                  code: 'store.not-found',
                  message: 'gone',
                  retryable: false,
                  blame: 'environment',
                }),
              )
            : Promise.resolve(from25.bytesOf(segment)),
      },
    );
    expect(done.sidecar.gaps).toEqual([{ start90k: 360_000, end90k: 540_000 }]);
    expect(done.sidecar.notes).toContain('segment 2 is missing from the store');
    expect(done.sidecar.notes).toContain('2.00 s are missing at 4.00 s of the run, closed up');
    expect(done.sidecar).toMatchObject({ made: 'smart', proven: true });
    const numbers = readNumbers(done.pathOf('wide'));
    expect(numbers).toEqual([...numbersBetween(25, 3, 4), ...numbersBetween(25, 6, 9)]);
    const heard = readSound(done.pathOf('wide'));
    expect(Math.abs(soundDelayMs(heard, 3, 0.5))).toBeLessThanOrEqual(1);
    expect(Math.abs(soundDelayMs(heard, 5, 2.5))).toBeLessThanOrEqual(1);
    expect(decodeErrors(done.pathOf('wide'))).toBe('');
  });

  it('a peak in the gap cannot be proven, and the clip says so', async () => {
    const records = from25.records.filter((record) => record.seq !== 2);
    const done = await clips.cut({ ...from25, records }, { inSeconds: 3, outSeconds: 8, peakSeconds: 5 });
    expect(done.sidecar.proven).toBe(false);
    expect(done.sidecar.notes).toContain('not proven: no picture of the peak at 5000 ms is in the clip');
  });

  it('a clip before the first segment is moved to it', async () => {
    const records = from25.records.slice(1);
    const done = await clips.cut({ ...from25, records }, { inSeconds: 1, outSeconds: 5 });
    expect(done.sidecar.notes).toEqual(['starts 1.00 s late: there is no picture before']);
    expectExact(done, 25, numbersBetween(25, 2, 5));
  });

  it('records that lie about their duration do not move a frame', async () => {
    const records = from25.records.map((record) => ({ ...record, duration90k: record.duration90k - 45_000 }));
    const done = await clips.cut({ ...from25, records }, { inSeconds: 1.52, outSeconds: 6.52 });
    expectExact(done, 25, numbersBetween(25, 1.52, 6.52));
  });

  it('a truncated segment is named; what is left keeps its time', async () => {
    const hurt = from25.records[1];
    const done = await clips.cut(
      from25,
      { inSeconds: 1, outSeconds: 6, peakSeconds: 1.5 },
      {
        readSegment: (segment) => {
          const bytes = from25.bytesOf(segment);
          const whole = Math.floor(bytes.length / 188 / 2) * 188;
          return Promise.resolve(segment.id === hurt?.id ? bytes.subarray(0, whole) : bytes);
        },
      },
    );
    expect(done.sidecar.notes.join()).toMatch(/segment 1 holds \d+ of 50 pictures/);
    const numbers = readNumbers(done.pathOf('wide'));
    expect(numbers[0]).toBe(25);
    expect(numbers.slice(-50)).toEqual(numbersBetween(25, 4, 6));
    expect(done.sidecar.proven).toBe(true);
  });

  it('nothing at all is a fault that no retry mends', async () => {
    await expect(clips.cut(from25, { inSeconds: 100, outSeconds: 110 })).rejects.toMatchObject({
      code: 'clip.no-media',
      retryable: false,
    });
    const junk = { ...from25, bytesOf: () => new TextEncoder().encode('#EXTM3U') };
    await expect(clips.cut(junk, { inSeconds: 1, outSeconds: 5 })).rejects.toMatchObject({
      code: 'clip.no-media',
    });
  });
});

it('a run of three days, whose time stamps have come round twice, is cut as any other', async () => {
  const files = from25.records.map((record) => from25.bytesOf(record));
  const startsAt90k = 3 * 2 ** 33 - 270_000;
  const late = describeSegments(files, { startsAt90k });
  const done = await clips.cut(late, {
    inSeconds: startsAt90k / 90_000 + 2,
    outSeconds: startsAt90k / 90_000 + 6,
  });
  expect(done.sidecar.actual).toEqual({ in90k: startsAt90k + 180_000, out90k: startsAt90k + 540_000 });
  expectExact(done, 25, numbersBetween(25, 2, 6));
});

describe('two sessions of one run', () => {
  it('with other settings and another size are made into one clip', async () => {
    const first = makeSegments({ fps: '25', seconds: 4, gopFrames: 50, sound });
    const second = makeSegments(
      { fps: '25', seconds: 4, gopFrames: 50, size: '640x360', sound, firstNumber: 200 },
      { epoch: 1, firstSeq: 2, startsAt90k: 6 * 90_000 },
    );
    const joined: TestSegments = {
      records: [
        ...first.records,
        ...second.records.map((one) => ({ ...one, gapBefore90k: one.seq === 2 ? 180_000 : 0 })),
      ],
      bytesOf: (record) =>
        (record.key.endsWith('/2.ts') || record.key.endsWith('/3.ts') ? second : first).bytesOf(record),
    };
    const done = await clips.cut(joined, { inSeconds: 3, outSeconds: 8, peakSeconds: 7 });
    expect(done.sidecar).toMatchObject({ made: 'encode', proven: true, frameCount: 75 });
    expect(done.sidecar.gaps).toEqual([{ start90k: 360_000, end90k: 540_000 }]);
    expect(decodeErrors(done.pathOf('wide'))).toBe('');
    expect(readNumbers(done.pathOf('wide')).slice(0, 25)).toEqual(numbersBetween(25, 3, 4));
    const size = ffprobe(
      done.pathOf('wide'),
      '-select_streams',
      'v',
      '-show_entries',
      'stream=width,height,nb_frames',
    );
    expect(JSON.parse(size)).toMatchObject({ streams: [{ width: 320, height: 180, nb_frames: '75' }] });
  });

  it('with the same settings are copied', async () => {
    const { records } = from25;
    const again = describeSegments(
      records.slice(0, 2).map((record) => from25.bytesOf(record)),
      {
        epoch: 1,
        firstSeq: 2,
        startsAt90k: 10 * 90_000,
      },
    );
    const joined: TestSegments = {
      records: [...records.slice(0, 2), ...again.records],
      bytesOf: (record) =>
        (again.records.some(({ key }) => key === record.key) ? again : from25).bytesOf(record),
    };
    const done = await clips.cut(joined, { inSeconds: 3, outSeconds: 12, peakSeconds: 3.5 });
    expect(done.sidecar.made).toBe('smart');
    expect(readNumbers(done.pathOf('wide'))).toEqual([
      ...numbersBetween(25, 3, 4),
      ...numbersBetween(25, 0, 2),
    ]);
    expect(decodeErrors(done.pathOf('wide'))).toBe('');
  });
});

describe('what is written', () => {
  it('the sidecar comes last, matches its schema and names every file with its hash', async () => {
    const presets = ['wide', 'vertical', 'proxy', 'thumbnail', 'waveform'] as const;
    const done = await clips.cut(from25, { inSeconds: 3.2, outSeconds: 5.2, presets: [...presets] });
    expect(clipSidecar.parse(done.sidecar)).toEqual(done.sidecar);
    expect(done.sidecar.renditions.map(({ preset }) => preset)).toEqual(presets);
    for (const rendition of done.sidecar.renditions) {
      expect(rendition.sha256).toBe(sha256(done.bodyOf(rendition.preset)));
      expect(rendition.bytes).toBe(done.bodyOf(rendition.preset).length);
      expect(rendition.key).toMatch(
        /^clips\/ch_test\/run_test\/clp_test\/exact-[a-z0-9]{16}\.[a-z]+\.(mp4|jpg|json)$/,
      );
    }
    expect(done.calls.at(-1)).toBe('sidecar clips/ch_test/run_test/clp_test/clp_test.json');
    expect(done.calls.filter((call) => call.startsWith('sidecar'))).toHaveLength(1);
    expect(done.sidecar.startWallMs).toBe(1_700_000_003_200);
  });

  describe('under keys', () => {
    const cut = { inSeconds: 2, outSeconds: 4 };
    let key: string | undefined;
    beforeAll(async () => {
      key = (await clips.cut(from25, cut)).sidecar.renditions[0]?.key;
    });

    it('that a second run has again; it takes what is stored', async () => {
      const stored = { bytes: 7, sha256: 'of what lies there' };
      const second = await clips.cut(from25, cut, { putObject: () => Promise.resolve(stored) });
      expect(second.sidecar.renditions).toMatchObject([{ key, ...stored }]);
    });

    it.each([
      ['another in', { ...cut, inSeconds: 1.96 }],
      ['another out', { ...cut, outSeconds: 4.04 }],
      ['another revision', { ...cut, revision: 'fast' as const }],
      ['another loudness', { ...cut, loudnessLufs: -23 }],
    ])('that %s never has', async (_title, other) => {
      const done = await clips.cut(from25, other);
      expect(done.sidecar.renditions[0]?.key).not.toBe(key);
    });
  });

  it('nothing, when the job is called off: the clip ends at once and can be cut again', async () => {
    const calledOff = new AbortController();
    const readSegment: CutHost['readSegment'] = (segment) => {
      calledOff.abort();
      return Promise.resolve(from25.bytesOf(segment));
    };
    const cut = clips.cut(from25, { inSeconds: 1, outSeconds: 4 }, { readSegment }, calledOff.signal);
    await expect(cut).rejects.toMatchObject({ code: 'aborted', retryable: true });
  });

  it('nothing, when the work folder is gone: an error that names it', async () => {
    const workFolder = (): Promise<string> => Promise.resolve(join(clips.path, 'gone'));
    const cut = clips.cut(from25, { inSeconds: 2, outSeconds: 4 }, { workFolder });
    await expect(cut).rejects.toMatchObject({ code: 'clip.work-folder', retryable: true });
  });

  it('a put that fails leaves no sidecar behind', async () => {
    const calls: string[] = [];
    const full = new TouchlineError({
      code: 'store.full',
      message: 'full',
      retryable: true,
      blame: 'environment',
    });
    await expect(
      clips.cut(
        from25,
        { inSeconds: 3.2, outSeconds: 5.2 },
        {
          putObject: () => Promise.reject(full),
          putSidecar: (key) => {
            calls.push(key);
            return Promise.resolve();
          },
        },
      ),
    ).rejects.toBe(full);
    expect(calls).toEqual([]);
  });
});

function frameHashes(path: string): string[] {
  return execFileSync(
    'ffmpeg',
    ['-v', 'error', '-i', path, '-map', '0:v', '-fps_mode', 'passthrough', '-f', 'framemd5', '-'],
    {
      encoding: 'utf8',
    },
  )
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1) ?? '');
}

function ffprobe(path: string, ...args: string[]): string {
  return execFileSync('ffprobe', ['-v', 'error', ...args, '-of', 'json', path], { encoding: 'utf8' });
}

function measuredLufs(path: string): number {
  const lines = execFileSync(
    'ffmpeg',
    [
      '-v',
      'error',
      '-i',
      path,
      '-af',
      'ebur128=metadata=1,ametadata=mode=print:file=-',
      '-f',
      'null',
      '/dev/null',
    ],
    { encoding: 'utf8' },
  );
  return Number(/.*lavfi\.r128\.I=(\S+)/s.exec(lines)?.[1]);
}
