import { systemClock } from '../../core/clock.ts';
import { writeExport } from '../../clipper/export/write-export.ts';
import { silentLog } from '../../core/log.ts';
import { listenWeb } from '../../web/server.ts';
import type { WebOptions } from '../../web/web-options.ts';
import { noAccounts } from '../web/fake-accounts.ts';
import { noClipLinks, noEdits, noReview } from '../web/fake-editing.ts';
import { noOperations } from '../web/fake-operations.ts';
import { noFleet } from '../web/fake-fleet.ts';
import { noTimeline } from '../web/fake-timeline.ts';
import { noWebhooks } from '../web/fake-webhooks.ts';
import { memoryStore } from '../web/memory-store.ts';

/** The server of pages and API on a free port of this machine, until `stop`. What a test does not look at is empty. */
export async function startTestWeb(
  options: Pick<WebOptions, 'desk' | 'token'> & Partial<WebOptions>,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = await listenWeb({
    accounts: noAccounts(),
    clipLinks: noClipLinks(),
    edits: noEdits(),
    exports: { collect: async () => [] },
    writeExport,
    operations: noOperations(),
    review: noReview(),
    fleet: noFleet(),
    fixedWorkerCount: null,
    timeline: noTimeline(),
    webhooks: noWebhooks(),
    store: memoryStore(new Map()),
    clock: systemClock,
    log: silentLog,
    version: '0',
    host: '127.0.0.1',
    port: 0,
    hostsAllowed: [],
    proxies: [],
    rtmpBase: 'rtmp://127.0.0.1:1935/live',
    ...options,
  });
  const stopping = new AbortController();
  const ended = server.run(stopping.signal);
  return {
    url: server.url,
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}
