import { keptQuiet, readConfig, type Config } from './config.ts';
import { createLog } from '../core/log.ts';
import { Secret } from '../core/secret.ts';
import type { ApiClient } from './api-client.ts';
import type { CliIo } from './cli-io.ts';
import { findServer } from './connect.ts';

/**
 * Runs a short command against the server of this home. When none runs, the desk alone is opened for as long as the
 * command takes, behind the same API, so that `channel create` works before the first `up`.
 */
export async function withServer<T>(io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const config = keptQuiet(readConfig(io.env, io.cwd));
  const running = await findServer(config);
  return running ? await use(running) : await withOwnDesk(config, io, use);
}

async function withOwnDesk<T>(config: Config, io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const { runHouse } = await import('./wire.ts');
  const { openStore } = await import('../store/open-store.ts');
  const { listenWeb } = await import('../web/server.ts');
  const { writeExport } = await import('../clipper/export/write-export.ts');
  const { systemClock } = await import('../core/clock.ts');
  const { systemRandom } = await import('../core/random.ts');
  const { ApiClient } = await import('./api-client.ts');
  const log = createLog({ level: config.logLevel });
  let answer: { value: T } | undefined;
  io.progress('no server runs here; opening the database for a moment ...');
  await runHouse(
    config,
    { isOpen: false, workforce: { kind: 'fixed', count: 0 } },
    log,
    io.signal,
    async ({ desks }) => {
      const token = new Secret(Buffer.from(systemRandom.bytes(20)).toString('base64url'));
      const web = await listenWeb({
        ...desks,
        writeExport,
        store: await openStore(config, { clock: systemClock, random: systemRandom, log }),
        clock: systemClock,
        log,
        token,
        version: '',
        host: '127.0.0.1',
        port: 0,
        hostsAllowed: [],
        proxies: [],
        rtmpBase: `rtmp://${config.rtmpHost.replace(/^(0\.0\.0\.0|::)$/, '127.0.0.1')}:${config.rtmpPort}/live`,
      });
      const stopping = new AbortController();
      const ended = web.run(stopping.signal);
      try {
        answer = { value: await use(new ApiClient({ url: web.url, token })) };
      } finally {
        io.progress('');
        stopping.abort();
        await ended;
      }
    },
  );
  if (answer) return answer.value;
  io.signal.throwIfAborted();
  throw new Error('the desk ended before it answered');
}
