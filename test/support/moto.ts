import { isOnPath, startChild } from '../../core/process.ts';
import { awaitLine } from './await-line.ts';

/**
 * Speaks the wire format of S3, SQS and Secrets Manager, from PyPI (`pip install 'moto[server]'`). Tests that need it are
 * skipped where it is missing.
 */
export const hasMoto = isOnPath('moto_server');

export interface Moto {
  /** `http://127.0.0.1:PORT`. It takes any credentials; objects of different regions are kept apart. */
  endpoint: string;
  stop(): Promise<void>;
}

/** A server of one's own (1-2 s), empty, on a free port; gone with the process that started it. */
export async function startMoto(): Promise<Moto> {
  // It says on stderr where it listens, and we keep only the end of that.
  const child = await startChild({
    command: 'sh',
    args: ['-c', 'exec moto_server -H 127.0.0.1 -p 0 2>&1'],
    env: { ...process.env, PYTHONUNBUFFERED: '1' },
    wallMsMax: 'unlimited',
  });
  const endpoint = await awaitLine(child, /Running on (http:\/\/127\.0\.0\.1:\d+)/);
  return {
    endpoint,
    stop: async () => {
      child.kill();
      await child.exit;
    },
  };
}
