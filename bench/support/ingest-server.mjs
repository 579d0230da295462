// Our ingest as it is shipped, alone in a process: what is measured is the compiled code and nothing else. Objects are files.
// node bench/support/ingest-server.mjs FOLDER CHANNEL...; the key of a channel is its id.
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { systemClock } from '../../dist/core/clock.js';
import { silentLog } from '../../dist/core/log.js';
import { systemRandom } from '../../dist/core/random.js';
import { LocalDriver } from '../../dist/ingest/local-driver.js';
import { createRtmpServer } from '../../dist/ingest/rtmp/server.js';

const [folder = '', ...channelIds] = process.argv.slice(2);
const objects = join(folder, 'objects');
mkdirSync(objects, { recursive: true });
const shared = { clock: systemClock, random: systemRandom, log: silentLog };
let segmentCount = 0;
const driver = new LocalDriver({
  ...shared,
  folder,
  host: {
    authenticate: async (key) => key.reveal(),
    putSegment: async (key, bytes) => await writeFile(join(objects, basename(key)), bytes),
    hasSegment: async () => false,
  },
  events: {
    onRunStarted: async () => {},
    onSegment: async () => {
      segmentCount += 1;
    },
    onSegmentLate: async () => {},
    onRunEnded: async () => {},
    onHealth: () => {},
  },
  createServer: (handlers) => createRtmpServer({ host: '127.0.0.1', port: 0, ...shared, ...handlers }),
});
process.on('disconnect', () => process.exit(0));
process.on('message', () => process.send?.({ segmentCount }));
const port = await driver.listen();
const running = driver.run(new AbortController().signal);
for (const channelId of channelIds)
  await driver.start({ channelId, segmentMs: 4000, resumeWindowMs: 60_000 });
process.send?.({ port });
await running;
