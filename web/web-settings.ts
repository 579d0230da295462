import { z } from 'zod';

import { addressBlocks, list, port } from '../core/setting-schemas.ts';

export const webSettings = {
  httpHost: { env: 'TOUCHLINE_HTTP_HOST', path: 'web.host', schema: z.string().default('127.0.0.1') },
  /** 0 = any free port. */
  httpPort: { env: 'TOUCHLINE_HTTP_PORT', path: 'web.port', schema: port.default(8080) },
  /** Names, beside addresses and localhost, under which browsers may ask. */
  httpHostsAllowed: { env: 'TOUCHLINE_HTTP_HOSTS', path: 'web.hosts', schema: list(',') },
  /** Whose `X-Forwarded-For` is believed: addresses and blocks (10.0.0.0/8) of reverse proxies. */
  httpProxies: {
    env: 'TOUCHLINE_HTTP_PROXIES',
    path: 'web.proxies',
    schema: addressBlocks,
  },
};
