import { rtmpProtocolError } from './protocol-error.ts';

/** What AMF0 (Adobe, 2007) can say and commands need. Dates are read as their number, XML as its text. */
export type AmfValue =
  | number
  | boolean
  | string
  | null
  | undefined
  | readonly AmfValue[]
  | { readonly [name: string]: AmfValue };

/** Commands nest twice at most; a bomb nests as deep as it is long. */
export const amfDepthMax = 8;
/** The richest connect object seen (Wirecast) has about 20 members. */
export const amfValueCountMax = 512;
/** Commands take hundreds of bytes; a tcUrl with a signed query may take thousands. */
export const amfBytesMax = 64 * 1024;

/**
 * Reads one value after the other until the bytes end.
 *
 * @throws TouchlineError `ingest.rtmp-protocol` for what is cut off, too deep, too much or of a kind no encoder sends
 */
export function decodeAmf0(bytes: Uint8Array): AmfValue[] {
  if (bytes.length > amfBytesMax) throw rtmpProtocolError(`a command of ${bytes.length} bytes came in`);
  const reader = new AmfReader(bytes);
  const values: AmfValue[] = [];
  while (!reader.isAtEnd) values.push(reader.value(0));
  return values;
}

export function encodeAmf0(values: readonly AmfValue[]): Uint8Array {
  return Buffer.concat(values.map(encodeValue));
}

/** The first bytes of values (AMF0 §2.1). */
const marker = {
  number: 0,
  boolean: 1,
  string: 2,
  object: 3,
  null: 5,
  undefined: 6,
  ecmaArray: 8,
  objectEnd: 9,
  strictArray: 10,
  date: 11,
  longString: 12,
  unsupported: 13,
  xml: 15,
  typedObject: 16,
} as const;

class AmfReader {
  readonly #bytes: Buffer;
  #at = 0;
  #valueCount = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): AmfValue {
    this.#valueCount += 1;
    if (depth > amfDepthMax || this.#valueCount > amfValueCountMax) {
      throw rtmpProtocolError(
        `a command nests deeper than ${amfDepthMax} or has more than ${amfValueCountMax} values`,
      );
    }
    const kind = this.#bytes.readUInt8(this.#take(1));
    switch (kind) {
      case marker.number:
        return this.#bytes.readDoubleBE(this.#take(8));
      case marker.boolean:
        return this.#bytes.readUInt8(this.#take(1)) !== 0;
      case marker.string:
        return this.#text(this.#bytes.readUInt16BE(this.#take(2)));
      case marker.longString:
      case marker.xml:
        return this.#text(this.#bytes.readUInt32BE(this.#take(4)));
      case marker.null:
        return null;
      case marker.undefined:
      case marker.unsupported:
        return undefined;
      case marker.object:
        return this.#members(depth);
      case marker.ecmaArray:
        this.#take(4); // The count is a hint: the end marker counts (§2.10).
        return this.#members(depth);
      case marker.typedObject:
        this.#text(this.#bytes.readUInt16BE(this.#take(2)));
        return this.#members(depth);
      case marker.strictArray:
        return this.#elements(depth);
      case marker.date: {
        const sinceMs = this.#bytes.readDoubleBE(this.#take(8));
        this.#take(2); // The time zone is reserved (§2.13).
        return sinceMs;
      }
      default:
        throw rtmpProtocolError(`a command holds a value of the unknown kind ${kind}`);
    }
  }

  #members(depth: number): AmfValue {
    // Without a prototype `__proto__` is a name like any other.
    const members = Object.create(null) as Record<string, AmfValue>;
    for (;;) {
      const name = this.#text(this.#bytes.readUInt16BE(this.#take(2)));
      if (name === '' && this.#bytes[this.#at] === marker.objectEnd) {
        this.#at += 1;
        return members;
      }
      members[name] = this.value(depth + 1);
    }
  }

  #elements(depth: number): AmfValue[] {
    const count = this.#bytes.readUInt32BE(this.#take(4));
    const elements: AmfValue[] = [];
    // A count of 2^32 ends with the bytes or with the limit of values: nothing is reserved beforehand.
    while (elements.length < count) elements.push(this.value(depth + 1));
    return elements;
  }

  #text(bytes: number): string {
    const start = this.#take(bytes);
    return this.#bytes.toString('utf8', start, start + bytes);
  }

  /** @returns where `count` bytes start, which are then behind us */
  #take(count: number): number {
    const start = this.#at;
    if (start + count > this.#bytes.length)
      throw rtmpProtocolError('a command ends in the middle of a value');
    this.#at = start + count;
    return start;
  }
}

function encodeValue(value: AmfValue): Buffer {
  if (value === undefined) return Buffer.of(marker.undefined);
  if (value === null) return Buffer.of(marker.null);
  if (typeof value === 'boolean') return Buffer.of(marker.boolean, value ? 1 : 0);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return text.length > 0xffff
      ? Buffer.concat([Buffer.of(marker.longString), lengthOf(text, 4), text])
      : Buffer.concat([Buffer.of(marker.string), lengthOf(text, 2), text]);
  }
  if (isArray(value)) {
    return Buffer.concat([Buffer.of(marker.strictArray), lengthOf(value, 4), ...value.map(encodeValue)]);
  }
  const members = Object.entries(value).flatMap(([name, member]) => {
    const text = Buffer.from(name);
    return [lengthOf(text, 2), text, encodeValue(member)];
  });
  return Buffer.concat([Buffer.of(marker.object), ...members, Buffer.of(0, 0, marker.objectEnd)]);
}

function isArray(value: AmfValue): value is readonly AmfValue[] {
  return Array.isArray(value);
}

function lengthOf(of: { length: number }, bytes: 2 | 4): Buffer {
  const field = Buffer.alloc(bytes);
  field.writeUIntBE(of.length, 0, bytes);
  return field;
}
