import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { proveCopy } from '../../clipper/copy-proof.ts';
import { readMp4Pictures } from '../../clipper/mp4-reader.ts';
import type { Proof } from '../../clipper/proof.ts';
import { ffmpegFor } from '../../clipper/run-ffmpeg.ts';
import { readSourceMedia, type SourceMedia } from '../../clipper/source-media.ts';
import { makeWide, type WideCut } from '../../clipper/wide-cut.ts';
import { makeSegments } from '../support/segments.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchline-copy-'));
afterAll(() => rmSync(folder, { recursive: true }));

const run = ffmpegFor({ clipId: 'clp_test', workFolder: folder, signal: new AbortController().signal });
const peakMs = 2900;
let media: SourceMedia;
let cut: WideCut;

beforeAll(async () => {
  const segments = makeSegments({ fps: '25', seconds: 6, gopFrames: 50, sound: { startsAtSeconds: 0 } });
  media = await readSourceMedia(segments.records, (segment) => Promise.resolve(segments.bytesOf(segment)));
  const job = { revision: 'fast' as const, in90k: 108_000, out90k: 432_000 };
  cut = await makeWide(job, media, () => undefined, run);
});

describe('a fast clip is proven by its bytes', () => {
  it('when the peak and all that it is decoded from are in the file', () => {
    expect(cut.plan.made).toBe('copy');
    expect(prove(cut.file.body)).toEqual({ isProven: true });
  });

  it('at each end of the clip too, and not beyond', () => {
    const { in90k, out90k } = cut.plan;
    expect(prove(cut.file.body, { peakMs: in90k / 90 })).toEqual({ isProven: true });
    expect(prove(cut.file.body, { peakMs: out90k / 90 - 1 })).toEqual({ isProven: true });
    expect(prove(cut.file.body, { peakMs: out90k / 90 })).toMatchObject({ isElsewhere: true });
  });

  it.each([
    ['of the peak itself', 0, 'another picture at the peak'],
    ['just before it in decode order', 1, 'another picture 1 pictures before the peak'],
  ])('unless one bit is wrong in the picture %s', (_title, before, because) => {
    expect(reason(broken(peakPlace() - before))).toContain(because);
  });

  it('unless one bit is wrong in the keyframe that they start from', () => {
    const keyframe = media.pictures.findLastIndex((one, place) => one.isIdr && place <= peakPlace());
    expect(reason(broken(keyframe))).toMatch(/another picture \d+ pictures before the peak/);
    // What belongs to another group of pictures is no part of it.
    expect(prove(broken(keyframe - 1))).toEqual({ isProven: true });
    expect(prove(broken(peakPlace() + 1))).toEqual({ isProven: true });
  });

  it('unless a parameter set is another', () => {
    const [set] = [...(media.pictures[0]?.config.pps.values() ?? [])];
    const body = cut.file.body.slice();
    const at = Buffer.from(body).indexOf(set ?? new Uint8Array());
    body[at + 1] = (body[at + 1] ?? 0) ^ 1;
    expect(reason(body)).toContain('parameter sets');
  });

  it('unless it is one picture off, which its tables tell', () => {
    const { plan } = cut;
    const pictures = plan.pictures.map(({ source, at }) => ({ source, at: at + (plan.frameDuration ?? 0) }));
    const proof = proveCopy({
      peakMs,
      plan: { ...plan, pictures },
      pictures: media.pictures,
      body: cut.file.body,
    });
    expect(proof).toEqual({ isProven: false, because: 'the file has another picture at the peak' });
  });

  it.each([
    ['nothing', (): Uint8Array => new Uint8Array()],
    ['text', (): Uint8Array => new TextEncoder().encode('no film at all, but words in a row')],
    ['half of it', (): Uint8Array => cut.file.body.slice(0, cut.file.body.length / 2)],
  ])('unless the file is %s', (_title, body) => {
    expect(reason(body())).toMatch(/^the file cannot be read: /);
  });
});

it('the pictures are read as ffprobe reads them', () => {
  const file = join(folder, 'wide.mp4');
  writeFileSync(file, cut.file.body);
  const lines = execFileSync(
    'ffprobe',
    [...'-v error -select_streams v -show_entries packet=pts,size,flags -of csv=p=0'.split(' '), file],
    { encoding: 'utf8' },
  );
  const read = readMp4Pictures(cut.file.body).samples.map(
    ({ at, isSync, body }) => `${at},${body.length},${isSync ? 'K' : '_'}`,
  );
  expect(read).toEqual(
    lines
      .trim()
      .split('\n')
      .map((line) => line.replace(/^(\d+,\d+,[K_]).*$/, '$1')),
  );
});

/** The file with one bit turned in the last byte of a picture. */
function broken(place: number): Uint8Array {
  const body = cut.file.body.slice();
  const last = media.pictures[place]?.nals.at(-1) ?? new Uint8Array();
  const at = Buffer.from(body).indexOf(last);
  expect(at).toBeGreaterThan(0);
  const end = at + last.length - 1;
  body[end] = (body[end] ?? 0) ^ 0x80;
  return body;
}

function prove(body: Uint8Array, changes: { peakMs?: number } = {}): Proof {
  return proveCopy({ peakMs, plan: cut.plan, pictures: media.pictures, body, ...changes });
}

/** The picture on screen then, which lies well behind its keyframe. */
function peakPlace(): number {
  const { pictures } = media;
  const shown = cut.plan.pictures.map(({ source }) => source);
  return shown.findLast((place) => (pictures[place]?.pts90k ?? 0) <= peakMs * 90) ?? Number.NaN;
}

function reason(body: Uint8Array): string {
  const proof = prove(body);
  return proof.isProven ? '' : proof.because;
}
