import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { lastKeyframe, Stills, type StillInput } from '../../control/stills.ts';
import { silentLog } from '../../core/log.ts';
import { memoryStore } from '../web/memory-store.ts';
import { markOf } from './watch/marks.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchline-stills-'));
let segment: Uint8Array;
beforeAll(() => {
  const path = join(folder, 'segment.ts');
  const made =
    '-f lavfi -i testsrc2=s=640x360:r=25 -t 2 -c:v libx264 -preset ultrafast -g 25 -bf 2 -f mpegts';
  execFileSync('ffmpeg', ['-v', 'error', ...made.split(' '), path]);
  segment = readFileSync(path);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Counts, and ends each picture when it is told to. */
function rig(options: { bytes?: Uint8Array; cacheBytesMax?: number } = {}) {
  const objects = memoryStore(
    new Map(
      Array.from({ length: 110 }, (_, seq) => [
        markOf(seq).key,
        { bytes: Buffer.from(options.bytes ?? 'no transport stream'), contentType: 'video/mp2t' },
      ]),
    ),
  );
  const kept: string[] = [];
  const store = {
    ...objects,
    put: async (key: string) => {
      kept.push(key);
      return await Promise.resolve({} as never);
    },
  };
  const rendering: (() => void)[] = [];
  const seen = { count: 0, most: 0, now: 0 };
  const stills = new Stills({
    store,
    log: silentLog,
    ...(options.cacheBytesMax === undefined ? {} : { cacheBytesMax: options.cacheBytesMax }),
    render: async () => {
      seen.count += 1;
      seen.now += 1;
      seen.most = Math.max(seen.most, seen.now);
      await new Promise<void>((resolve) => rendering.push(resolve));
      seen.now -= 1;
      return new Uint8Array(100);
    },
  });
  /** Lets pictures be finished until all who asked have theirs. */
  const finish = async (asked: Promise<unknown>): Promise<void> => {
    const state = { isDone: false };
    const done = asked.finally(() => (state.isDone = true));
    done.catch(() => undefined);
    while (!state.isDone) {
      for (const end of rendering.splice(0)) end();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
  };
  return { stills, seen, kept, finish };
}

const look = { isKept: false };

describe('stills', () => {
  it('are made once, whoever asks at once and after', async () => {
    const { stills, seen, finish } = rig();
    await finish(Promise.all([1, 2, 3].map(async () => await stills.of(markOf(1), look))));
    await stills.of(markOf(1), look);
    expect(seen.count).toBe(1);
  });

  it('are made two at a time, and beyond 100 that wait nobody else does', async () => {
    const { stills, seen, finish } = rig();
    const asked = Array.from({ length: 103 }, async (_, seq) => await stills.of(markOf(seq), look));
    const settled = Promise.allSettled(asked);
    await finish(settled);
    const refused = (await settled).filter((one) => one.status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'still.unavailable', retryable: true } }]);
    expect(seen).toMatchObject({ count: 102, most: 2, now: 0 });
  });

  it('leave memory when there is no room, the oldest first', async () => {
    const { stills, seen, finish } = rig({ cacheBytesMax: 200 });
    for (const seq of [1, 2, 1, 3]) await finish(stills.of(markOf(seq), look));
    expect(seen.count).toBe(3);
    await finish(stills.of(markOf(1), look)); // Looked at later than 2.
    expect(seen.count).toBe(3);
    await finish(stills.of(markOf(2), look));
    expect(seen.count).toBe(4);
  });

  it('go into the store for a filmstrip alone', async () => {
    const { stills, kept, finish } = rig();
    await finish(stills.of(markOf(1), { isKept: false }));
    await finish(stills.of(markOf(2), { isKept: true }));
    expect(kept).toEqual(['stills/ch_one/run_one/000002.jpg']);
  });

  it('do not exist of what has no picture', async () => {
    const { stills, seen } = rig();
    for (const more of [{ hasPicture: false }, { bytes: 0 }]) {
      await expect(stills.of(markOf(1, more), look)).rejects.toMatchObject({ code: 'still.not-found' });
    }
    expect(seen.count).toBe(0);
  });

  it('take one keyframe out of a segment, and the whole of what cannot be taken apart', () => {
    const taken = lastKeyframe(segment);
    expect(taken.format).toBe('h264');
    expect(taken.bytes.length).toBeLessThan(segment.length / 2);
    const broken = Buffer.from('no transport stream');
    expect(lastKeyframe(broken)).toEqual<StillInput>({ format: 'mpegts', bytes: broken });
  });

  it('are 320 wide', async () => {
    const objects = memoryStore(
      new Map([[markOf(1).key, { bytes: Buffer.from(segment), contentType: 'video/mp2t' }]]),
    );
    const { jpeg } = await new Stills({ store: objects, log: silentLog }).of(markOf(1), look);
    const args = '-v error -show_entries stream=width,height -of csv=p=0 -f jpeg_pipe pipe:0'.split(' ');
    expect(execFileSync('ffprobe', args, { input: jpeg, encoding: 'utf8' }).trim()).toBe('320,180');
  });

  it('are told apart by what they show, not by their name', () => {
    const { stills } = rig();
    expect(stills.etagOf(markOf(1))).not.toBe(stills.etagOf({ sha256: 'f'.repeat(64) }));
    expect(stills.etagOf(markOf(1))).toMatch(/^"[0-9a-f]{24}-320"$/);
  });
});
