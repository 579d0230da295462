import { z } from 'zod';

import { port, wholeNumber } from '../core/setting-schemas.ts';

export const ingestSettings = {
  /** Default: where the page listens. */
  rtmpHost: { env: 'TOUCHLINE_RTMP_HOST', path: 'ingest.rtmpHost', schema: z.string().optional() },
  rtmpPort: { env: 'TOUCHLINE_RTMP_PORT', path: 'ingest.rtmpPort', schema: port.default(1935) },
  segmentMs: {
    env: 'TOUCHLINE_SEGMENT_MS',
    path: 'ingest.segmentMs',
    schema: wholeNumber({ min: 2000, max: 6000, why: 'shorter ones outrun the analysis' }).default(4000),
  },
};
