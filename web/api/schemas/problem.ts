import { z } from 'zod';

/** Every error of the API (RFC 9457). `code` is for programs, `detail` for people; `retryable` says whether asking again may help. */
export const problemBody = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    retryable: z.boolean(),
  })
  .meta({ id: 'Problem' });
