import { z } from 'zod';

/** Who did something: a person, a program's token, or the owner of the server. The name is what they were called then. */
export const actor = z
  .object({ kind: z.enum(['user', 'token', 'server']), id: z.string(), name: z.string() })
  .meta({ id: 'Actor' });
