import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { isIntraSlice, isRecoveryPoint, parsePpsIds, parseSps } from '../../clipper/parameter-sets.ts';
import { forEachNal } from '../../core/mpegts.ts';

const usual = {
  id: 0,
  profileIdc: 100,
  chromaFormatIdc: 1,
  bitDepthLuma: 8,
  bitDepthChroma: 8,
  width: 320,
  height: 180,
  isProgressive: true,
  colour: null,
};

interface Case {
  size?: string;
  x264?: string;
  args?: string[];
  expected: object;
}

const cases: Record<string, Case> = {
  'an ordinary one, cropped to 180 lines': { expected: usual },
  'cropped on both sides': { size: '322x182', expected: { ...usual, width: 322, height: 182 } },
  fields: { x264: 'tff=1', size: '320x192', expected: { ...usual, isProgressive: false, height: 192 } },
  'cropped fields': { x264: 'tff=1', expected: { ...usual, isProgressive: false } },
  'main profile': { args: ['-profile:v', 'main'], expected: { ...usual, profileIdc: 77 } },
  'baseline profile': { args: ['-profile:v', 'baseline'], expected: { ...usual, profileIdc: 66 } },
  '4:2:2': { args: ['-pix_fmt', 'yuv422p'], expected: { ...usual, profileIdc: 122, chromaFormatIdc: 2 } },
  '4:4:4': { args: ['-pix_fmt', 'yuv444p'], expected: { ...usual, profileIdc: 244, chromaFormatIdc: 3 } },
  '10 bit': {
    args: ['-pix_fmt', 'yuv420p10'],
    expected: { ...usual, profileIdc: 110, bitDepthLuma: 10, bitDepthChroma: 10 },
  },
  'an id of its own': { x264: 'sps-id=7', expected: { ...usual, id: 7 } },
  'scaling lists': { x264: 'cqm=jvt', expected: usual },
  'a shape from the table': {
    args: ['-vf', 'setsar=16/11'],
    expected: { ...usual, sar: { num: 16, den: 11 } },
  },
  'a shape written out': {
    args: ['-vf', 'setsar=91/74'],
    expected: { ...usual, sar: { num: 91, den: 74 } },
  },
  colour: {
    x264: 'colorprim=bt709:transfer=smpte170m:colormatrix=bt470bg:fullrange=on',
    expected: { ...usual, colour: { primaries: 1, transfer: 6, matrix: 5, isFullRange: true } },
  },
};

describe('a sequence parameter set as x264 writes it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-sets-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeAll(() => {
    // One ffmpeg for all of them: starting it is what takes time.
    const outputs = Object.values(cases).flatMap(({ size, x264, args = [] }, nth) => [
      '-map',
      '0:v',
      ...(size ? ['-s', size] : []),
      '-pix_fmt',
      'yuv420p',
      '-preset',
      'veryfast',
      ...(x264 ? ['-x264-params', x264] : []),
      ...args,
      '-f',
      'h264',
      join(folder, `${nth}.h264`),
    ]);
    const source = 'color=gray:size=320x180:rate=25:duration=0.04';
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', source, ...outputs]);
  });

  const setsOf = (name: string): { sps: Uint8Array; pps: Uint8Array } => {
    const found: { sps: Uint8Array; pps: Uint8Array } = { sps: new Uint8Array(), pps: new Uint8Array() };
    forEachNal(readFileSync(join(folder, `${Object.keys(cases).indexOf(name)}.h264`)), (nal, type) => {
      if (type === 7) found.sps = nal;
      if (type === 8) found.pps = nal;
    });
    return found;
  };

  it.each(Object.entries(cases))('%s', (name, { expected }) => {
    expect(parseSps(setsOf(name).sps)).toMatchObject(expected);
  });

  it('names both of its ids in the picture parameter set', () => {
    expect(parsePpsIds(setsOf('an id of its own').pps)).toEqual({ id: 7, spsId: 7 });
  });
});

describe('what is no parameter set', () => {
  it('ends with a RangeError, or with some numbers, and always ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          parseSps(bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the kind of a picture', () => {
  it.each([
    // first_mb_in_slice 0 is the bit 1; then slice_type as Exp-Golomb.
    ['P (0)', [0x41, 0b1100_0000], false],
    ['B (1)', [0x41, 0b1010_0000], false],
    ['I (2)', [0x41, 0b1011_0000], true],
    ['all I (7)', [0x65, 0b1000_1000, 0], true],
    ['all P (5)', [0x41, 0b1001_1000, 0], false],
  ])('%s', (_title, bytes, isIntra) => {
    expect(isIntraSlice(Uint8Array.from(bytes))).toBe(isIntra);
  });

  it.each([
    ['a recovery point that holds at once', [6, 6, 1, 0b1000_0000, 0x80], true],
    ['one that holds after four pictures', [6, 6, 1, 0b0010_1000, 0x80], false],
    ['one behind another message', [6, 5, 2, 9, 9, 6, 1, 0b1000_0000, 0x80], true],
    ['another message', [6, 5, 2, 9, 9, 0x80], false],
    [
      'a message with a long length',
      [6, 5, 0xff, 1, ...Array.from({ length: 256 }, () => 0), 6, 1, 0x80, 0x80],
      true,
    ],
  ])('%s', (_title, bytes, holds) => {
    expect(isRecoveryPoint(Uint8Array.from(bytes))).toBe(holds);
  });
});
