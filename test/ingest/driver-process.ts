// A local driver in a process of its own, for tests that kill it. Objects are files; what is told goes to the parent.
import { existsSync, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { LocalDriver } from '../../ingest/local-driver.ts';
import { createRtmpServer } from '../../ingest/rtmp/server.ts';

const folder = process.argv[2] ?? '';
/** From this segment on nobody listens: what is stored stays untold. */
const deafFromSeq = Number(process.argv[3]);
const objects = join(folder, 'objects');
mkdirSync(objects, { recursive: true });

function tell(message: unknown): void {
  process.send?.(message);
}

const driver = new LocalDriver({
  host: {
    authenticate: async (key) => key.reveal().split('-')[1],
    putSegment: async (key, bytes) => {
      const file = await open(join(objects, basename(key)), 'w');
      await file.writeFile(bytes);
      await file.sync();
      await file.close();
      tell({ stored: key });
    },
    hasSegment: async (key) => existsSync(join(objects, basename(key))),
  },
  events: {
    onRunStarted: async (run) => tell({ started: run }),
    onSegment: async (record) => {
      if (record.seq >= deafFromSeq) throw new Error('nobody listens');
      tell({ segment: record });
    },
    onSegmentLate: async (late) => tell({ late }),
    onRunEnded: async (run) => tell({ ended: run }),
    onHealth: () => {},
  },
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  folder,
  createServer: (handlers) =>
    createRtmpServer({
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      ...handlers,
    }),
});
process.on('disconnect', () => process.exit(0));
const port = await driver.listen();
const running = driver.run(new AbortController().signal);
await driver.start({ channelId: 'ch_1', segmentMs: 1000, resumeWindowMs: 60_000 });
tell({ port });
await running;
