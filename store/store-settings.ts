import { z } from 'zod';

import { Secret } from '../core/secret.ts';
import { list } from '../core/setting-schemas.ts';
import { parseStorePlace, resolveStorePlace, type StorePlace } from './store-place.ts';

export const storeSettings = {
  /** A folder, or `s3://bucket/prefix`. Default: the folder `store` in the home. */
  store: {
    env: 'TOUCHLINE_STORE',
    path: 'store.url',
    schema: z
      .string()
      .transform((text, context): StorePlace => {
        const place = parseStorePlace(text);
        if (typeof place !== 'string') return place;
        context.addIssue({ code: 'custom', message: place });
        return z.NEVER;
      })
      .optional(),
    resolve: resolveStorePlace,
  },
  /** Id, ARN or alias of a key in KMS that objects in S3 are encrypted with; undefined = as the bucket does. */
  storeKmsKey: {
    env: 'TOUCHLINE_STORE_KMS_KEY',
    path: 'store.kmsKey',
    schema: z
      .string()
      .regex(
        /^(arn:aws[\w-]*:kms:\S+|alias\/[\w/-]+|mrk-[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
        'must be the id, the ARN or the alias (alias/name) of a key in KMS',
      )
      .optional(),
  },
  /** Put on every object in S3: `team=video,env=prod`. */
  storeTags: { env: 'TOUCHLINE_STORE_TAGS', path: 'store.tags', schema: list(',').transform(tagsOf) },
  /** Of who speaks S3 besides AWS, which is then asked with the bucket in the path. */
  s3Endpoint: {
    env: 'AWS_ENDPOINT_URL_S3',
    path: 'store.endpoint',
    schema: z
      .string()
      .refine(
        (text) => /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).password === '',
        'must be an http:// or https:// address without a password',
      )
      .optional(),
  },
  /** Undefined = the embedded PostgreSQL in the home. */
  databaseUrl: {
    env: 'DATABASE_URL',
    path: 'store.database',
    isSecret: true,
    schema: z
      .string()
      // No stricter: a unix socket is written without a host, which WHATWG URLs do not allow.
      .regex(/^postgres(ql)?:\/\/\S+$/, 'must look like postgres://user:password@host:5432/database')
      .transform((text) => new Secret(text))
      .optional(),
  },
};

function tagsOf(parts: readonly string[], context: z.RefinementCtx): Record<string, string> {
  // What S3 takes: ten tags, and these characters on both sides.
  const isGood =
    parts.length <= 10 && parts.every((part) => /^[\w .:/+@-]{1,128}=[\w .:/+@-]{0,256}$/.test(part));
  if (!isGood)
    context.addIssue({ code: 'custom', message: 'must be at most ten of name=value, joined by commas' });
  return Object.fromEntries(parts.map((part) => part.split('=', 2) as [string, string]));
}
