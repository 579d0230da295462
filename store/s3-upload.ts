import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';

import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { Crc32 } from './crc32.ts';
import type { S3Bucket } from './s3-bucket.ts';

/** S3 takes 10,000 parts: with 8 MiB each that is 78 GiB, a day of video at 7 Mb/s. Below 5 MiB it takes none but the last. */
const partBytes = 8 * 1024 * 1024;
const partCountMax = 10_000;
/** With the one that is being filled: 32 MiB of memory for one upload. */
const partsAtOnce = 3;

export interface Upload {
  bucket: S3Bucket;
  /** In the bucket, with the prefix. */
  name: string;
  /** What the object is made with in either way: type, metadata, key of KMS, tags. */
  made: Pick<
    PutObjectCommandInput,
    'ContentType' | 'Metadata' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'BucketKeyEnabled' | 'Tagging'
  >;
  ifNoneMatch: boolean;
  log: Log;
}

/** @throws TouchlineError `store.exists` when it may not be replaced; what the body threw, as it is */
export async function upload(
  what: Upload,
  body: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; etag: string }> {
  const parts = body instanceof Uint8Array ? slices(body) : filled(body);
  const first = (await parts.next()).value ?? new Uint8Array();
  if (first.length < partBytes) return await uploadWhole(what, first);
  return await uploadInParts(what, first, parts);
}

async function uploadWhole(what: Upload, bytes: Uint8Array): Promise<{ bytes: number; etag: string }> {
  const { bucket, name, made, ifNoneMatch } = what;
  const sum = new Crc32().add(bytes).toString();
  const { ETag } = await bucket.call(
    { action: 's3:PutObject', name, hasBody: true },
    async (client, abortSignal) => {
      const command = new PutObjectCommand({
        Bucket: bucket.name,
        Key: name,
        ...made,
        Body: bytes,
        ChecksumAlgorithm: 'CRC32',
        ChecksumCRC32: sum,
        IfNoneMatch: ifNoneMatch ? '*' : undefined,
      });
      return await client.send(command, { abortSignal });
    },
  );
  return { bytes: bytes.length, etag: ETag ?? '' };
}

async function uploadInParts(
  what: Upload,
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): Promise<{ bytes: number; etag: string }> {
  const { bucket, name, made, log } = what;
  const about = { action: 's3:PutObject', name };
  const to = { Bucket: bucket.name, Key: name };
  const { UploadId } = await bucket.call(about, async (client, abortSignal) => {
    const sums = { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const;
    return await client.send(new CreateMultipartUploadCommand({ ...to, ...made, ...sums }), { abortSignal });
  });
  try {
    const sent = await sendParts(what, UploadId, first, rest);
    const { ETag } = await bucket.call(about, async (client, abortSignal) => {
      const command = new CompleteMultipartUploadCommand({
        ...to,
        UploadId,
        MultipartUpload: { Parts: sent.parts },
        ChecksumCRC32: sent.sum,
        ChecksumType: 'FULL_OBJECT',
        MpuObjectSize: sent.bytes,
        IfNoneMatch: what.ifNoneMatch ? '*' : undefined,
      });
      return await client.send(command, { abortSignal });
    });
    return { bytes: sent.bytes, etag: ETag ?? '' };
  } catch (thrown) {
    // Parts cost money for ever, and no listing of objects shows them.
    await bucket
      .call({ action: 's3:AbortMultipartUpload', name }, async (client, abortSignal) => {
        return await client.send(new AbortMultipartUploadCommand({ ...to, UploadId }), { abortSignal });
      })
      .catch((error: unknown) => log.warn('parts of an upload are left in the bucket', { key: name, error }));
    throw thrown;
  }
}

async function sendParts(
  { bucket, name }: Upload,
  UploadId: string | undefined,
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): Promise<{ parts: CompletedPart[]; bytes: number; sum: string }> {
  const whole = new Crc32();
  const parts: CompletedPart[] = [];
  let bytes = 0;
  let count = 0;
  const sending = new Set<Promise<void>>();

  const send = async (PartNumber: number, part: Uint8Array, sum: string): Promise<void> => {
    const about = { action: 's3:PutObject', name, hasBody: true };
    const { ETag } = await bucket.call(about, async (client, abortSignal) => {
      const command = new UploadPartCommand({
        Bucket: bucket.name,
        Key: name,
        UploadId,
        PartNumber,
        Body: part,
        ChecksumAlgorithm: 'CRC32',
        ChecksumCRC32: sum,
      });
      return await client.send(command, { abortSignal });
    });
    parts[PartNumber - 1] = { PartNumber, ETag, ChecksumCRC32: sum };
  };

  const take = async (part: Uint8Array): Promise<void> => {
    if (count === partCountMax) throw tooLarge(name);
    whole.add(part);
    bytes += part.length;
    count += 1;
    const one: Promise<void> = send(count, part, new Crc32().add(part).toString());
    // One that failed stays, so that the next wait meets it.
    sending.add(one);
    one.then(
      () => sending.delete(one),
      () => undefined,
    );
    if (sending.size >= partsAtOnce) await Promise.race(sending);
  };

  try {
    await take(first);
    for await (const part of rest) await take(part);
    await Promise.all(sending);
    return { parts, bytes, sum: whole.toString() };
  } finally {
    // None may arrive after the upload was given up.
    await Promise.allSettled(sending);
  }
}

function tooLarge(name: string): TouchlineError {
  return new TouchlineError({
    code: 'store.too-large',
    message: `${name} has more than ${partCountMax} parts of ${partBytes} bytes: an object may have 78 GiB`,
    retryable: false,
    blame: 'caller',
  });
}

async function* slices(body: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  for (let at = 0; at < body.length; at += partBytes) yield body.subarray(at, at + partBytes);
}

/** Pieces of any size, copied into parts: who makes the pieces may use the same buffer again. */
async function* filled(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  let part = Buffer.allocUnsafe(partBytes);
  let length = 0;
  for await (const piece of body) {
    for (let at = 0; at < piece.length;) {
      const taken = Math.min(piece.length - at, partBytes - length);
      part.set(piece.subarray(at, at + taken), length);
      at += taken;
      length += taken;
      if (length < partBytes) continue;
      yield part;
      part = Buffer.allocUnsafe(partBytes);
      length = 0;
    }
  }
  if (length > 0) yield part.subarray(0, length);
}
