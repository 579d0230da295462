import { z } from 'zod';

export const queueSettings = {
  queueEngine: {
    env: 'TOUCHLINE_QUEUE',
    path: 'queue.url',
    schema: z
      .literal('postgres', 'must be "postgres": this version queues on the PostgreSQL of the catalogue')
      .default('postgres'),
  },
};
