import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  amfBytesMax,
  amfDepthMax,
  amfValueCountMax,
  decodeAmf0,
  encodeAmf0,
  type AmfValue,
} from '../../../ingest/rtmp/amf0.ts';

describe('AMF0', () => {
  it.each<{ what: string; hex: string; values: AmfValue[] }>([
    { what: 'nothing', hex: '', values: [] },
    { what: 'a number', hex: '003ff0000000000000', values: [1] },
    { what: 'booleans', hex: '01000101', values: [false, true] },
    { what: 'a string', hex: '0200046c697665', values: ['live'] },
    { what: 'null and undefined', hex: '0506', values: [null, undefined] },
    { what: 'an object', hex: '0300036170700200046c697665000009', values: [{ app: 'live' }] },
    { what: 'an ECMA array whose count is wrong', hex: '08000000ff0001610101000009', values: [{ a: true }] },
    { what: 'a strict array', hex: '0a0000000201010100', values: [[true, false]] },
    { what: 'a date', hex: '0b42660000000000000000', values: [755914244096] },
    { what: 'a long string', hex: '0c000000026162', values: ['ab'] },
    { what: 'XML', hex: '0f000000033c612f', values: ['<a/'] },
    { what: 'an unsupported value', hex: '0d', values: [undefined] },
    { what: 'a typed object', hex: '10000143000161010100000905', values: [{ a: true }, null] },
  ])('reads $what', ({ hex, values }) => {
    expect(decodeAmf0(Buffer.from(hex, 'hex'))).toEqual(values);
  });

  it('writes what it reads', () => {
    fc.assert(
      fc.property(fc.array(amfValue, { maxLength: 5 }), (values) => {
        expect(decodeAmf0(encodeAmf0(values))).toEqual(values);
      }),
    );
  });

  it('takes a string of 65535 bytes as short, one more as long', () => {
    const short = encodeAmf0(['x'.repeat(0xffff)]);
    const long = encodeAmf0(['x'.repeat(0x10000)]);
    expect([short[0], long[0]]).toEqual([2, 12]);
    expect(short).toHaveLength(3 + 0xffff);
    expect(long).toHaveLength(5 + 0x10000);
  });

  it('treats __proto__ as a name like any other', () => {
    const [value] = decodeAmf0(
      encodeAmf0([JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as AmfValue]),
    );
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('refuses a command that is cut off, wherever that is', () => {
    const whole = encodeAmf0(['connect', 1, { app: 'live', fast: true, list: [1, null, 'x'] }]);
    const boundaries = new Set([0, 10, 19]);
    for (let length = 0; length < whole.length; length += 1) {
      const cut = (): unknown => decodeAmf0(whole.subarray(0, length));
      if (boundaries.has(length)) expect(cut).not.toThrow();
      else expect(cut, `cut at ${length}`).toThrow('ends in the middle of a value');
    }
  });

  it.each(['04', '07', '09', '0e', '11', 'ff'])('refuses the unknown kind %s', (hex) => {
    expect(() => decodeAmf0(Buffer.from(hex, 'hex'))).toThrow('unknown kind');
  });

  it('nests as deep as it says, and no deeper', () => {
    expect(() => decodeAmf0(nested(amfDepthMax))).not.toThrow();
    expect(() => decodeAmf0(nested(amfDepthMax + 1))).toThrow('nests deeper');
    expect(() => decodeAmf0(nested(10_000))).toThrow('nests deeper');
  });

  it('takes as many values as it says, and no more', () => {
    expect(decodeAmf0(Buffer.alloc(amfValueCountMax, 5))).toHaveLength(amfValueCountMax);
    expect(() => decodeAmf0(Buffer.alloc(amfValueCountMax + 1, 5))).toThrow('values');
  });

  it('reserves nothing for an array that claims four billion elements', () => {
    expect(() => decodeAmf0(Buffer.from('0affffffff0505', 'hex'))).toThrow('ends in the middle');
  });

  it('does not start on more bytes than a command can have', () => {
    expect(() => decodeAmf0(Buffer.alloc(amfBytesMax + 1, 5))).toThrow(`${amfBytesMax + 1} bytes`);
  });
});

function nested(depth: number): Uint8Array {
  return Buffer.concat([
    ...Array.from({ length: depth }, () => Buffer.from('0a00000001', 'hex')),
    Buffer.of(5),
  ]);
}

const { value: amfValue } = fc.letrec<{ value: AmfValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.string({ unit: 'grapheme' }),
    fc.constant(null),
    fc.constant(undefined),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ minLength: 1 }), tie('value'), { maxKeys: 4 }),
  ),
}));
