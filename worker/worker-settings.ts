import { z } from 'zod';

import { wholeNumber } from '../core/setting-schemas.ts';

export const workerSettings = {
  /** Default: one for each core. Each keeps the models in memory, about 0.4 GB: 64 of them want a machine of that size. */
  workerCount: {
    env: 'TOUCHLINE_WORKERS',
    path: 'worker.count',
    schema: wholeNumber({ min: 0, max: 64, why: 'worker processes on this machine' }).optional(),
  },
  /** Which machine this is, in every job. Default: its host name. */
  instanceId: {
    env: 'TOUCHLINE_INSTANCE_ID',
    path: 'worker.instanceId',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, dashes or underscores')
      .optional(),
  },
};
