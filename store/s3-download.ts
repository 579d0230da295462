import type { Readable } from 'node:stream';

import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';

import { Crc32 } from './crc32.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { s3Fault } from './s3-fault.ts';

interface Range {
  start: number;
  end: number;
}

/** A connection that breaks so often within one object is no connection. */
const breaksMax = 20;

/** All of it, with its length and checksum compared; what arrives broken is fetched again. */
export async function download(bucket: S3Bucket, name: string, range?: Range): Promise<Uint8Array> {
  return await bucket.call({ action, name, hasBody: true }, async (client, signal) => {
    const answer = await client.send(request(bucket, name, range), { abortSignal: signal });
    const bytes = new Uint8Array(answer.ContentLength ?? 0);
    let filled = 0;
    for await (const piece of pieces(answer, bucket.limits.idleMsMax)) {
      bytes.set(piece, filled);
      filled += piece.length;
    }
    if (filled < bytes.length) throw cutOff(filled, bytes.length);
    compare(answer, new Crc32().add(bytes));
    return bytes;
  });
}

/** Piece by piece; where a connection breaks, another one goes on with the next byte of the same object. */
export async function downloadStream(
  bucket: S3Bucket,
  name: string,
  range?: Range,
): Promise<AsyncIterable<Uint8Array>> {
  const open = async (part: Range | undefined, etag?: string): Promise<GetObjectCommandOutput> =>
    await bucket.call(
      { action, name },
      async (client, signal) => await client.send(request(bucket, name, part, etag), { abortSignal: signal }),
    );
  const first = await open(range);
  const start = range?.start ?? 0;
  const length = first.ContentLength ?? 0;

  async function* flow(): AsyncGenerator<Uint8Array> {
    const sum = new Crc32();
    let answer = first;
    for (let [read, breaks] = [0, 0]; ; breaks += 1) {
      try {
        for await (const piece of pieces(answer, bucket.limits.idleMsMax)) {
          sum.add(piece);
          read += piece.length;
          yield piece;
        }
        if (read < length) throw cutOff(read, length);
        break;
      } catch (thrown) {
        if (breaks === breaksMax) throw s3Fault(thrown, { action, bucket: bucket.name, name });
        if (read === length) break; // It broke behind the last byte.
        answer = await open({ start: start + read, end: start + length - 1 }, first.ETag);
      }
    }
    // The reader has had the bytes, but hears that they are not the right ones before it hears that they are all.
    try {
      compare(first, sum);
    } catch (thrown) {
      throw s3Fault(thrown, { action, bucket: bucket.name, name });
    }
  }
  return flow();
}

const action = 's3:GetObject';

function request(bucket: S3Bucket, name: string, range?: Range, etag?: string): GetObjectCommand {
  const command = new GetObjectCommand({
    Bucket: bucket.name,
    Key: name,
    Range: range && `bytes=${range.start}-${range.end}`,
    IfMatch: etag,
  });
  // Checksums are of whole objects. Asked for by `ChecksumMode`, the SDK would compare too, and cannot when a broken read is
  // resumed.
  if (range === undefined) command.middlewareStack.add(askForChecksum, { step: 'build' });
  return command;
}

function askForChecksum<A extends { request: unknown }, R>(
  next: (args: A) => Promise<R>,
): (args: A) => Promise<R> {
  return async (args) => {
    (args.request as { headers: Record<string, string> }).headers['x-amz-checksum-mode'] = 'ENABLED';
    return await next(args);
  };
}

/** @throws Error when nothing arrives for `idleMs`, or the connection breaks */
async function* pieces(answer: GetObjectCommandOutput, idleMs: number): AsyncGenerator<Uint8Array> {
  if (answer.Body === undefined) return;
  const body = answer.Body as Readable;
  const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(() => body.destroy(new Error(`not a byte within ${idleMs} ms`)), idleMs);
      const next = await iterator.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // A reader that turns away early must not keep the connection.
    body.destroy();
  }
}

function cutOff(read: number, length: number): Error {
  return new Error(`the answer ended after ${read} of ${length} bytes`);
}

/** Of several parts without a sum of the whole (`-3` at its end) there is nothing to compare, nor of a range. */
function compare({ ChecksumCRC32: expected, ContentRange }: GetObjectCommandOutput, sum: Crc32): void {
  if (expected === undefined || expected.includes('-') || ContentRange !== undefined) return;
  if (expected === sum.toString()) return;
  throw Object.assign(new Error(`CRC-32 ${sum.toString()} instead of ${expected}`), { code: 'BadDigest' });
}
