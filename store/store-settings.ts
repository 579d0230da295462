import { resolve } from 'node:path';

import { z } from 'zod';

import { Secret } from '../core/secret.ts';

export const storeSettings = {
  /** Absolute folder of the object store. Default: `store` in the home. */
  storeFolder: {
    env: 'TOUCHLINE_STORE',
    path: 'store.url',
    schema: z
      .string()
      .refine(
        (text) => !/^[a-z][a-z0-9+.-]+:/.test(text),
        'must be a folder: this version keeps objects in one',
      )
      .optional(),
    resolve: (text: string, folder: string): string => {
      const path = text.replace(/^(file|fs):(\/\/)?/, '');
      return /^[a-z][a-z0-9+.-]+:/.test(path) ? path : resolve(folder, path);
    },
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
