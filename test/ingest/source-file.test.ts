import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { readTransportStream } from '../../core/mpegts.ts';
import { systemRandom } from '../../core/random.ts';
import { endOf90k, segmentRecord, type SegmentRecord } from '../../core/segment.ts';
import { ingestFile, segmentFile, type FileSource } from '../../ingest/source-file.ts';
import { FakeHouse } from './fake-house.ts';
import { decode } from './made-media.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchline-source-'));
const footage = new URL('../../../shared/footage/video', import.meta.url).pathname;
const pictures = '-f lavfi -i testsrc2=s=320x180:r=25';
const tone = '-f lavfi -i sine=r=48000';
const h264 = '-c:v libx264 -preset veryfast -g 25';

beforeAll(() => {
  make('master.mp4', `${pictures} ${tone} -t 9 ${h264} -bf 2 -c:a aac`);
  make('plain.mp4', `-i ${join(folder, 'master.mp4')} -c copy -movflags +faststart`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function make(name: string, args: string): string {
  const path = join(folder, name);
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...args.split(' '), path]);
  return path;
}
function from(name: string, more: Partial<FileSource> = {}): FileSource {
  const path = join(folder, name);
  return { path, channelId: 'ch_1', runId: 'run_1', sessionId: 'ses_1', startWallMs: 1_000_000, ...more };
}
async function read(source: FileSource): Promise<{ records: SegmentRecord[]; bytes: Uint8Array[] }> {
  const found = { records: [] as SegmentRecord[], bytes: [] as Uint8Array[] };
  for await (const { record, bytes } of segmentFile(source)) {
    found.records.push(segmentRecord.parse(record));
    found.bytes.push(bytes);
  }
  return found;
}

/** ffmpeg itself, not what wraps it. */
function killReaderOf(name: string): void {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const [command, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (command === 'ffmpeg' && args.includes(`file:${join(folder, name)}`))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended while we looked.
    }
  }
}

function options(house: FakeHouse) {
  return { host: house, events: house, clock: systemClock, random: systemRandom, log: silentLog };
}

describe('the segments of a recording', () => {
  it.each([
    ['mp4', '-c copy'],
    ['mov', '-c copy'],
    ['ts', '-c copy'],
    ['mkv', '-c copy'],
    ['flv', '-c copy'],
    ['avi', `${h264} -bf 0 -c:a mp3`],
    ['mkv', '-c:v copy -c:a libopus'],
    ['mov', '-c:v copy -c:a pcm_s16le'],
    ['mkv', '-c:v copy -c:a libvorbis'],
    ['ts', '-c:v copy -c:a ac3'],
  ])('%s (%s) are every picture of it, with its sound as AAC', async (container, codecs) => {
    const name = `as-${codecs.replaceAll(/[^a-z0-9]+/g, '')}.${container}`;
    make(name, `-i ${join(folder, 'master.mp4')} ${codecs}`);
    const { records, bytes } = await read(from(name));
    expect(records.map((record) => Math.round(record.duration90k / 90))).toEqual([4000, 4000, 1000]);
    expect(records.map((record) => record.video?.frameCount)).toEqual([100, 100, 25]);
    expect(records.every((record) => record.audio !== null && record.startsWithKeyframe)).toBe(true);
    expect(records.map((record) => record.startWallMs)).toEqual([1_000_000, 1_004_000, 1_008_000]);
    expect(decode(Buffer.concat(bytes))).toEqual({ complaints: '', pictureCount: 225 });
  });

  it.each([
    ['24000/1001', 24],
    ['30000/1001', 30],
    ['60000/1001', 60],
    ['50', 50],
  ])('at %s fps have times exact to the tick', async (rate, gop) => {
    const name = `rate-${gop}.mp4`;
    make(name, `-f lavfi -i testsrc2=s=160x90:r=${rate} -t 3 -c:v libx264 -preset ultrafast -g ${gop} -bf 2`);
    const { records, bytes } = await read(from(name, { segmentMs: 1000 }));
    const [num = 0, den = 1] = rate.split('/').map(Number);
    expect(records[0]?.video?.frameRate).toEqual({ num, den });
    const pts = bytes
      .flatMap((segment) => readTransportStream(segment).video.map((unit) => unit.pts90k))
      .map((pts90k) => pts90k - (records[0]?.filePtsOffset90k ?? 0))
      .toSorted((one, other) => one - other);
    const wrong = pts.filter((value, index) => Math.abs(value - (index * 90_000 * den) / num) > 1);
    expect(wrong).toEqual([]);
  });

  it('of one without sound have no sound', async () => {
    make('silent.mp4', `-i ${join(folder, 'master.mp4')} -c copy -an`);
    const { records } = await read(from('silent.mp4'));
    expect(records.map((record) => record.audio)).toEqual([null, null, null]);
  });

  it('joined from two recordings show the cut as a new epoch, not as hours', async () => {
    const one = make('one.ts', `${pictures} -t 3 ${h264} -output_ts_offset 7200`);
    const two = make('two.ts', `${pictures} -t 3 ${h264}`);
    const joined = join(folder, 'joined.ts');
    execFileSync('sh', ['-c', `cat ${one} ${two} > ${joined}`]);
    const { records } = await read(from('joined.ts'));
    expect(records.reduce((sum, record) => sum + (record.video?.frameCount ?? 0), 0)).toBe(150);
    expect(records.map((record) => record.epoch)).toEqual([0, 1]);
    expect(endOf90k(records[1] as SegmentRecord)).toBe(540_000);
  });

  it('are no more than asked for: nothing runs on when the taker stops', async () => {
    for await (const { record } of segmentFile(from('master.mp4'))) {
      expect(record.seq).toBe(0);
      break;
    }
  });

  it.skipIf(!existsSync(footage))('of real footage hold every picture that ffprobe counts', async () => {
    const clip = execFileSync('sh', ['-c', `ls -S ${footage}/* | tail -1`])
      .toString()
      .trim();
    const counted = execFileSync('sh', [
      '-c',
      `ffprobe -v error -select_streams v:0 -count_packets -show_entries stream=nb_read_packets,codec_name -of csv=p=0 "${clip}"`,
    ])
      .toString()
      .trim();
    if (!counted.startsWith('h264')) return;
    const { records } = await read(from('', { path: clip }));
    const frames = records.reduce((sum, record) => sum + (record.video?.frameCount ?? 0), 0);
    expect(frames).toBe(Number(counted.split(',')[1]));
  });
});

describe('a file that cannot be taken', () => {
  it.each<[string, () => void, string, RegExp]>([
    ['missing.mp4', () => {}, 'ingest.no-file', /missing\.mp4 is not a file/],
    ['folder.mp4', () => mkdirSync(join(folder, 'folder.mp4')), 'ingest.no-file', /is not a file/],
    [
      'empty.mp4',
      () => writeFileSync(join(folder, 'empty.mp4'), ''),
      'ingest.not-media',
      /empty \(0 bytes\)/,
    ],
    [
      'text.mp4',
      () => writeFileSync(join(folder, 'text.mp4'), 'hello'),
      'ingest.not-media',
      /cannot be read/,
    ],
    [
      'playlist.mp4',
      () => writeFileSync(join(folder, 'playlist.mp4'), '#EXTM3U\n#EXTINF:4,\nmaster.mp4\n#EXT-X-ENDLIST\n'),
      'ingest.not-media',
      /cannot be read/,
    ],
    [
      'cut-short.mp4',
      () => {
        make('cut-short.mp4', `-i ${join(folder, 'master.mp4')} -c copy`);
        truncateSync(join(folder, 'cut-short.mp4'), 50_000);
      },
      'ingest.not-media',
      /cannot be read/,
    ],
    ['sound.mp4', () => make('sound.mp4', `${tone} -t 1 -c:a aac`), 'ingest.no-video', /no video track/],
    [
      'hevc.mp4',
      () => make('hevc.mp4', `${pictures} -t 1 -c:v libx265 -preset ultrafast -x265-params log-level=none`),
      'ingest.unsupported-video',
      /HEVC.*only H\.264/,
    ],
    [
      'mpeg2.ts',
      () => make('mpeg2.ts', `${pictures} -t 1 -c:v mpeg2video`),
      'ingest.unsupported-video',
      /MPEG-2/,
    ],
  ])('%s is refused in one sentence', async (name, prepare, code, message) => {
    prepare();
    const thrown = await read(from(name)).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code, blame: 'input', retryable: false });
    expect((thrown as Error).message).toMatch(message);
    expect((thrown as Error).message.split('\n')).toHaveLength(1);
  });
});

describe('a recording that is shorter than it says', () => {
  it.each([
    [0.5, /says it has 9\.0 s and holds [34]\.\d s/],
    [0.99, /says it has 9\.0 s and holds 8\.\d s/],
    [1, undefined],
  ])('(%d of its bytes) is taken in as far as it goes, and told of: %s', async (share, message) => {
    const path = join(folder, `short-of-${share}.mp4`);
    copyFileSync(join(folder, 'plain.mp4'), path);
    truncateSync(path, Math.round(statSync(path).size * share));
    const house = new FakeHouse();
    const done = ingestFile({ path, channelId: 'ch_1', segmentMs: 1000, ...options(house) });
    const thrown = await done.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (message) {
      expect(thrown).toMatchObject({ code: 'ingest.truncated', blame: 'input', retryable: false });
      expect((thrown as Error).message).toMatch(message);
      expect(house.ends[0]?.notes).toEqual([(thrown as Error).message]);
    } else {
      expect(thrown).toBeUndefined();
      expect(house.ends[0]?.notes).toEqual([]);
    }
    expect(house.heard.at(-1)).toBe(`end-of-file ${house.segments.length}`);
    expect(house.segments.length).toBeGreaterThanOrEqual(3);
    expect(house.objects.size).toBe(house.segments.length);
  });
});

describe('taking a recording in', () => {
  it('that nobody reads any more because ffmpeg was killed is no fault of the file', async () => {
    const house = new FakeHouse();
    house.onHeard = (what) => {
      // A sandboxed one lies below bubblewrap: the reader of this very file, whoever started it.
      if (what === 0) killReaderOf('killed.mp4');
    };
    const path = make('killed.mp4', `${pictures} -t 60 ${h264} -b:v 8M -minrate 8M -maxrate 8M -bufsize 8M`);
    const going = ingestFile({
      path,
      channelId: 'ch_1',
      segmentMs: 1000,
      realtime: true,
      ...options(house),
    });
    await expect(going).rejects.toMatchObject({
      code: 'ingest.reader-killed',
      retryable: true,
      blame: 'environment',
    });
    expect(house.heard.at(-1)).toBe(`stopped ${house.segments.length}`);
    expect(house.ends[0]?.notes).toEqual([expect.stringMatching(/killed by SIGKILL.*take it in again/)]);
  });

  it('stores every segment before it is announced, in order, and ends the run', async () => {
    const house = new FakeHouse();
    const path = join(folder, 'master.mp4');
    const done = await ingestFile({ path, channelId: 'ch_1', startWallMs: 5000, ...options(house) });
    expect(done).toMatchObject({ segmentCount: 3, durationMs: 9000 });
    expect(house.heard).toEqual(['start', 0, 1, 2, 'end-of-file 3']);
    expect([...house.objects.keys()]).toEqual(house.segments.map((record) => record.key));
    expect(house.segments.map((record) => record.startWallMs)).toEqual([5000, 9000, 13_000]);
  });

  it('of no use leaves no run behind', async () => {
    const house = new FakeHouse();
    const path = join(folder, 'text2.mp4');
    writeFileSync(path, 'hello');
    await expect(ingestFile({ path, channelId: 'ch_1', ...options(house) })).rejects.toMatchObject({
      code: 'ingest.not-media',
    });
    expect(house.heard).toEqual([]);
  });

  it('waits for a store that fails, and goes on where it was', async () => {
    const house = new FakeHouse();
    house.failPuts(3);
    await ingestFile({ path: join(folder, 'master.mp4'), channelId: 'ch_1', ...options(house) });
    expect(house.heard).toEqual(['start', 0, 1, 2, 'end-of-file 3']);
  });

  it('can be called off between two segments', async () => {
    const house = new FakeHouse();
    const stop = new AbortController();
    house.onHeard = (what) => {
      if (what === 0) stop.abort(new Error('called off'));
    };
    const going = ingestFile({
      path: join(folder, 'master.mp4'),
      channelId: 'ch_1',
      ...options(house),
      realtime: true,
      segmentMs: 1000,
      signal: stop.signal,
    });
    await expect(going).rejects.toThrow();
    expect(house.heard.at(-1)).toMatch(/^stopped /);
    expect(house.heard.length).toBeLessThan(8);
  });

  it('in real time takes as long as the recording', async () => {
    const house = new FakeHouse();
    make('short.mp4', `${pictures} -t 2 ${h264}`);
    const startedAt = performance.now();
    await ingestFile({
      path: join(folder, 'short.mp4'),
      channelId: 'ch_1',
      realtime: true,
      ...options(house),
    });
    expect(performance.now() - startedAt).toBeGreaterThan(1900);
    expect(performance.now() - startedAt).toBeLessThan(4000);
  });
});
