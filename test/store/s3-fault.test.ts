import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { s3Limits } from '../../store/s3-limits.ts';
import { openS3Store } from '../../store/s3-store.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { becomeAwsUser, s3Options } from '../support/s3-bucket.ts';

interface Answer {
  status: number;
  code?: string;
  text?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Answers every request as it was told to, and counts them. */
let answer: Answer;
let asked = 0;
let server: Server;
let store: ObjectStore;

beforeAll(async () => {
  becomeAwsUser();
  server = createServer((request, response) => {
    asked += 1;
    request.resume();
    const { status, code, text = 'said S3', headers = {}, body } = answer;
    const xml = code ? `<Error><Code>${code}</Code><Message>${text}</Message></Error>` : '';
    request.on('end', () => {
      response.writeHead(status, headers);
      response.end(request.method === 'HEAD' ? undefined : (body ?? xml));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const limits = { ...s3Limits, policy: { delaysMs: [1, 1], jitter: 1 } };
  store = openS3Store(s3Options({ bucket: 'clips', prefix: 'env', endpoint, limits }));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked = 0;
});

const put = async (): Promise<unknown> =>
  await store.put('a.txt', Buffer.from('x'), { contentType: 'text/plain' });

describe('what S3 says, in our words', () => {
  it.each<[Answer, string, RegExp, number]>([
    [
      { status: 403, code: 'AccessDenied' },
      'store.forbidden',
      /s3:PutObject on arn:aws:s3:::clips\/env\/a\.txt/,
      1,
    ],
    [
      {
        status: 403,
        code: 'AccessDenied',
        text: 'User: arn:aws:iam::1:role/w is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:1:key/k because no identity-based policy allows it',
      },
      'store.forbidden',
      /allow kms:GenerateDataKey on arn:aws:kms:eu-west-1:1:key\/k in IAM/,
      1,
    ],
    [{ status: 403, code: 'InvalidAccessKeyId' }, 'store.bad-credentials', /AWS_PROFILE/, 1],
    [{ status: 403, code: 'SignatureDoesNotMatch' }, 'store.bad-credentials', /AWS_ACCESS_KEY_ID/, 1],
    [{ status: 400, code: 'ExpiredToken' }, 'store.bad-credentials', /credentials/, 3],
    [{ status: 403, code: 'RequestTimeTooSkewed' }, 'store.clock-skew', /clock of this machine/, 3],
    [{ status: 404, code: 'NoSuchBucket' }, 'store.wrong-bucket', /TOUCHLINE_STORE/, 1],
    [
      { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'us-west-2' } },
      'store.wrong-region',
      /AWS_REGION=us-west-2/,
      1,
    ],
    [
      { status: 400, code: 'AuthorizationHeaderMalformed', headers: { 'x-amz-bucket-region': 'us-west-2' } },
      'store.wrong-region',
      /AWS_REGION=us-west-2/,
      1,
    ],
    [{ status: 400, code: 'KMS.DisabledException' }, 'store.bad-kms-key', /TOUCHLINE_STORE_KMS_KEY/, 1],
    [{ status: 507, code: 'XMinioStorageFull' }, 'store.full', /room/, 3],
    [{ status: 503, code: 'SlowDown' }, 'store.unavailable', /SlowDown, 503/, 3],
    [{ status: 500, code: 'InternalError' }, 'store.unavailable', /InternalError/, 3],
    [{ status: 500 }, 'store.unavailable', /500/, 3],
    [{ status: 429 }, 'store.unavailable', /429/, 3],
    [{ status: 400, code: 'BadDigest' }, 'store.unavailable', /damaged/, 3],
    [{ status: 400, code: 'InvalidArgument' }, 'store.refused', /said S3/, 1],
    [{ status: 200, body: 'not XML at all' }, 'none', /^/, 1],
  ])('%j is %s', async (said, code, message, tries) => {
    answer = said;
    if (code === 'none') await put();
    else {
      const fault = await put().catch((error: unknown) => error);
      expect(fault).toMatchObject({ code, message: expect.stringMatching(message) as string });
      expect(JSON.stringify(fault) + String(fault)).not.toContain('test-key-id');
    }
    // A put that found no answer looks once more whether it went through.
    expect(asked).toBeGreaterThanOrEqual(tries);
    expect(asked).toBeLessThanOrEqual(tries * 2);
  });

  it('knows a refusal of a HEAD, which has no text, by its status', async () => {
    answer = { status: 403 };
    await expect(store.head('a.txt')).rejects.toMatchObject({
      code: 'store.forbidden',
      message: expect.stringMatching(/s3:GetObject.*without s3:ListBucket/) as string,
    });
    answer = { status: 404 };
    expect(await store.head('a.txt')).toBeUndefined();
  });

  it.each([
    ['in one piece', async () => await store.get('a.txt')],
    [
      'as a stream',
      async () => {
        for await (const _ of await store.stream('a.txt'));
      },
    ],
  ])('does not hand on bytes %s whose checksum is another', async (_, read) => {
    answer = {
      status: 200,
      body: 'hello',
      headers: { 'content-length': '5', 'x-amz-checksum-crc32': 'NhCmhg==' },
    };
    await read();
    answer = { ...answer, body: 'hellp' };
    await expect(read()).rejects.toMatchObject({
      code: 'store.unavailable',
      retryable: true,
      message: expect.stringContaining('damaged') as string,
    });
  });
});
