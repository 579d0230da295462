import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { silentLog, type Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { contentTypeOf } from './content-type.ts';
import { badKey, checkKey, isKey } from './object-key.ts';
import type { ObjectInfo, ObjectStore, PutObject } from './object-store.ts';
import { S3Bucket } from './s3-bucket.ts';
import { download, downloadStream } from './s3-download.ts';
import { s3Limits, type S3Limits } from './s3-limits.ts';
import { upload } from './s3-upload.ts';

const listCountMax = 1000;
const presignSecondsMax = 900;

export interface S3StoreOptions {
  bucket: string;
  /** Before every key, without a `/` at its end; empty for none. */
  prefix: string;
  /** Of who speaks S3 besides AWS; buckets are then in the path. Region and credentials are found by the SDK. */
  endpoint?: string | undefined;
  /** Encrypt with this key of KMS; undefined = as the bucket does by itself. */
  kmsKey?: string | undefined;
  /** Put on every object, for the bill and for lifecycle rules. */
  tags?: Readonly<Record<string, string>>;
  clock: Clock;
  random: Random;
  log?: Log;
  limits?: S3Limits;
}

/**
 * Objects in one bucket of Amazon S3, or of what speaks S3. Nothing is asked of it before the first call.
 *
 * Every object carries a mark of the put that made it. When a conditional put finds one there already, it tells by the
 * mark whether an earlier try of its own made it and only the answer was lost.
 */
export function openS3Store(options: S3StoreOptions): ObjectStore {
  return new S3Store(options);
}

class S3Store implements ObjectStore {
  readonly #bucket: S3Bucket;
  readonly #prefix: string;
  readonly #options: S3StoreOptions;
  readonly #log: Log;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    this.#bucket = new S3Bucket({ ...options, limits: options.limits ?? s3Limits });
    this.#prefix = options.prefix === '' ? '' : `${options.prefix}/`;
    this.#log = options.log ?? silentLog;
  }

  async put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: { contentType: string; ifNoneMatch?: boolean },
  ): Promise<{ created: boolean; object: PutObject }> {
    const name = this.#nameOf(key);
    const { contentType, ifNoneMatch = false } = options;
    if (contentTypeOf(key) !== contentType) {
      // As in a folder, so that no listing needs a question for each object.
      throw badKey(key, `its name says ${contentTypeOf(key)}, and its content is ${contentType}`);
    }
    const mark = Buffer.from(this.#options.random.bytes(16)).toString('hex');
    const made = { ContentType: contentType, Metadata: { [markName]: mark }, ...this.#madeWith() };
    const what = { bucket: this.#bucket, name, made, ifNoneMatch, log: this.#log };
    try {
      return { created: true, object: { key, contentType, ...(await upload(what, body)) } };
    } catch (thrown) {
      const known = hasMaybeArrived(thrown) ? await this.#head(key).catch(() => undefined) : undefined;
      if (known?.mark === mark) {
        this.#log.info('put adopted: it had gone through, and its answer was lost', { key });
        return { created: true, object: known.object };
      }
      if (known && ifNoneMatch) return { created: false, object: known.object };
      throw asPutFault(thrown);
    }
  }

  async get(key: string, range?: { start: number; end: number }): Promise<Uint8Array> {
    return await download(this.#bucket, this.#nameOf(key), checkRange(key, range));
  }

  async stream(key: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array>> {
    return await downloadStream(this.#bucket, this.#nameOf(key), checkRange(key, range));
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return (await this.#head(key))?.object;
  }

  async list(prefix: string, options: { startAfter?: string; limit?: number } = {}): Promise<ObjectInfo[]> {
    const limit = Math.min(options.limit ?? listCountMax, listCountMax);
    const found: ObjectInfo[] = [];
    let startAfter = options.startAfter ? `${this.#prefix}${options.startAfter}` : undefined;
    // What others put there under names that are no keys is passed over, so that a page may take several questions.
    for (let isMore = limit > 0; isMore && found.length < limit;) {
      const page = await this.#bucket.call({ action: 's3:ListBucket' }, async (client, abortSignal) => {
        const command = new ListObjectsV2Command({
          Bucket: this.#bucket.name,
          Prefix: `${this.#prefix}${prefix}`,
          StartAfter: startAfter,
          MaxKeys: limit - found.length,
        });
        return await client.send(command, { abortSignal });
      });
      for (const { Key = '', Size = 0, ETag = '', LastModified } of page.Contents ?? []) {
        startAfter = Key;
        const key = Key.slice(this.#prefix.length);
        if (isKey(key)) found.push(infoOf(key, { bytes: Size, etag: ETag, modifiedAt: LastModified }));
      }
      isMore = page.IsTruncated === true && (page.Contents?.length ?? 0) > 0;
    }
    return found;
  }

  async remove(key: string): Promise<void> {
    const name = this.#nameOf(key);
    await this.#bucket.call({ action: 's3:DeleteObject', name }, async (client, abortSignal) => {
      const command = new DeleteObjectCommand({ Bucket: this.#bucket.name, Key: name });
      return await client.send(command, { abortSignal });
    });
  }

  localPath(): undefined {
    return undefined;
  }

  async presign(key: string, options: { seconds: number; downloadName?: string }): Promise<string> {
    const name = this.#nameOf(key);
    const seconds = Math.max(1, Math.min(Math.floor(options.seconds), presignSecondsMax));
    const disposition =
      options.downloadName === undefined ? undefined : `attachment; filename="${options.downloadName}"`;
    return await this.#bucket.call({ action: 's3:GetObject', name }, async (client) => {
      const command = new GetObjectCommand({
        Bucket: this.#bucket.name,
        Key: name,
        ResponseContentType: contentTypeOf(key),
        ResponseContentDisposition: disposition,
      });
      return await getSignedUrl(client, command, { expiresIn: seconds });
    });
  }

  async check(): Promise<void> {
    const key = `probes/${Buffer.from(this.#options.random.bytes(10)).toString('hex')}.bin`;
    // Conditional, because the policy of the bucket may refuse any other put.
    await this.put(key, Buffer.from(key), { contentType: contentTypeOf(key), ifNoneMatch: true });
    const back = Buffer.from(await this.get(key)).toString();
    await this.remove(key);
    if (back === key) return;
    throw new TouchlineError({
      code: 'store.unavailable',
      message: `s3://${this.#bucket.name} gave back other bytes than were written. Look at what answers in its place.`,
      retryable: true,
      blame: 'environment',
    });
  }

  #nameOf(key: string): string {
    checkKey(key);
    return `${this.#prefix}${key}`;
  }

  #madeWith(): object {
    const { kmsKey, tags = {} } = this.#options;
    const tagging = new URLSearchParams(tags).toString();
    return {
      // With a key of the bucket in between, KMS is asked (and paid) for the bucket and not for each object.
      ...(kmsKey ? { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: kmsKey, BucketKeyEnabled: true } : {}),
      ...(tagging === '' ? {} : { Tagging: tagging }),
    };
  }

  async #head(key: string): Promise<{ object: ObjectInfo; mark: string | undefined } | undefined> {
    const name = this.#nameOf(key);
    try {
      const answer = await this.#bucket.call(
        { action: 's3:GetObject', name },
        async (client, abortSignal) => {
          const command = new HeadObjectCommand({ Bucket: this.#bucket.name, Key: name });
          return await client.send(command, { abortSignal });
        },
      );
      const { ContentLength: bytes = 0, ETag: etag = '', LastModified: modifiedAt } = answer;
      return { object: infoOf(key, { bytes, etag, modifiedAt }), mark: answer.Metadata?.[markName] };
    } catch (thrown) {
      if (asTouchlineError(thrown).code === 'store.not-found') return undefined;
      throw thrown;
    }
  }
}

const markName = 'touchline-put';

function infoOf(key: string, of: { bytes: number; etag: string; modifiedAt: Date | undefined }): ObjectInfo {
  const { bytes, etag, modifiedAt } = of;
  return { key, bytes, contentType: contentTypeOf(key), etag, modifiedAtMs: modifiedAt?.getTime() ?? 0 };
}

/** Answered with "it exists", with "no such upload" (it was completed already), or not at all. */
function hasMaybeArrived(thrown: unknown): boolean {
  const arrived = ['store.exists', 'store.not-found', 'store.unavailable'];
  return thrown instanceof TouchlineError && arrived.includes(thrown.code);
}

/** An object that was there a moment ago and is not any more, or an upload that S3 has forgotten: begin anew. */
function asPutFault(thrown: unknown): unknown {
  if (!(thrown instanceof TouchlineError)) return thrown;
  if (thrown.code !== 'store.exists' && thrown.code !== 'store.not-found') return thrown;
  const { message, blame } = thrown;
  return new TouchlineError({ code: 'store.unavailable', message, retryable: true, blame });
}

function checkRange(
  key: string,
  range: { start: number; end: number } | undefined,
): { start: number; end: number } | undefined {
  if (range === undefined || (range.start >= 0 && range.end >= range.start)) return range;
  // S3 would leave out a range that makes no sense, and send everything.
  throw new TouchlineError({
    code: 'store.bad-range',
    message: `${key}: bytes ${range.start}-${range.end} are none. Ask for bytes that are in the object.`,
    retryable: false,
    blame: 'caller',
  });
}
