import {
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openS3Store } from '../../store/s3-store.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';
import { becomeAwsUser, makeBucket, s3Options } from '../support/s3-bucket.ts';
import { objectStoreContract } from './object-store-contract.ts';

const bucket = 'touchline-test';

describe.skipIf(!hasMoto)('with a server that speaks S3', () => {
  let moto: Moto;
  let client: S3Client;
  let count = 0;
  beforeAll(async () => {
    becomeAwsUser();
    moto = await startMoto();
    client = await makeBucket(moto.endpoint, bucket);
  }, 30_000);
  afterAll(async () => await moto.stop());

  const at = (prefix: string) => s3Options({ bucket, prefix, endpoint: moto.endpoint });

  objectStoreContract('s3', async () => {
    count += 1;
    return { store: openS3Store(at(`env/${count}`)), done: async () => {} };
  });

  it('encrypts with the key of KMS and tags what it makes, small and large', async () => {
    const store = openS3Store({ ...at('kms'), kmsKey: 'alias/clips', tags: { team: 'video', env: 'prod' } });
    for (const bytes of [5, 9_000_000]) {
      await store.put('x.bin', Buffer.alloc(bytes), { contentType: 'application/octet-stream' });
      const where = { Bucket: bucket, Key: 'kms/x.bin' };
      const head = await client.send(new HeadObjectCommand(where));
      expect(head).toMatchObject({
        ServerSideEncryption: 'aws:kms',
        SSEKMSKeyId: expect.stringContaining('alias/clips') as string,
      });
      const { TagSet } = await client.send(new GetObjectTaggingCommand(where));
      expect(TagSet).toEqual([
        { Key: 'team', Value: 'video' },
        { Key: 'env', Value: 'prod' },
      ]);
    }
  });

  it('leaves no parts of an upload that broke off', async () => {
    const store = openS3Store(at('broken'));
    await expect(
      store.put('x.bin', breakingOff(), { contentType: 'application/octet-stream' }),
    ).rejects.toThrow(/broke off/);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
  });

  it('signs an address that gives the object, with its type and a name to keep it under', async () => {
    const store = openS3Store(at('signed'));
    await store.put('a/x.mp4', Buffer.from('film'), { contentType: 'video/mp4' });
    const url = new URL(
      (await store.presign?.('a/x.mp4', { seconds: 3600, downloadName: 'goal.mp4' })) ?? '',
    );
    expect(url.searchParams.get('X-Amz-Expires')).toBe('900');
    expect(url.href).not.toContain('test-secret');
    const answer = await fetch(url, { headers: { range: 'bytes=1-2' } });
    expect([answer.status, await answer.text()]).toEqual([206, 'il']);
    expect(answer.headers.get('content-type')).toBe('video/mp4');
    // moto sends no content-disposition; that it is signed is what can be seen here.
    expect(url.searchParams.get('response-content-disposition')).toBe('attachment; filename="goal.mp4"');
  });

  it('passes over what others put beside its objects under names that are no keys', async () => {
    for (const name of ['mixed/', 'mixed/a b.txt', 'mixed/b//c', 'mixed/z.txt']) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: 'x' }));
    }
    const store = openS3Store(at('mixed'));
    expect((await store.list('', { limit: 1 })).map(({ key }) => key)).toEqual(['z.txt']);
  });

  it('sees nothing outside of its prefix', async () => {
    await openS3Store(at('one')).put('x.txt', Buffer.from('1'), { contentType: 'text/plain' });
    expect(await openS3Store(at('on')).list('')).toEqual([]);
    expect(await openS3Store(at('two')).head('x.txt')).toBeUndefined();
  });

  it('says which bucket is not there, and what to correct', async () => {
    const store = openS3Store({ ...at(''), bucket: 'touchline-missing' });
    await expect(store.check()).rejects.toMatchObject({
      code: 'store.wrong-bucket',
      retryable: false,
      message: expect.stringMatching(/"touchline-missing".*TOUCHLINE_STORE/) as string,
    });
  });
});

async function* breakingOff(): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < 20; index += 1) yield Buffer.alloc(1_000_000);
  throw new Error('the source broke off');
}
