import type { Clock } from '../core/clock.ts';
import type { WriteExport } from '../core/export-timeline.ts';
import type { Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { Accounts } from '../control/account-desk.ts';
import type { ClipLinks } from '../control/clip-links.ts';
import type { EditDesk } from '../control/edit-desk.ts';
import type { ExportDesk } from '../control/export-desk.ts';
import type { MatchDesk } from '../control/match-desk.ts';
import type { FleetDesk } from '../control/open-fleet-desk.ts';
import type { OperationsDesk } from '../control/operations-desk.ts';
import type { ReviewDesk } from '../control/review-desk.ts';
import type { TimelineDesk } from '../control/timeline-desk.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Webhooks } from './api/webhooks.ts';

/** Whom the web asks. */
export interface Desks {
  accounts: Accounts;
  clipLinks: Pick<ClipLinks, 'make' | 'list' | 'revoke' | 'open'>;
  desk: MatchDesk;
  edits: Pick<EditDesk, keyof EditDesk>;
  exports: Pick<ExportDesk, 'collect'>;
  review: Pick<ReviewDesk, 'list' | 'decide' | 'claim' | 'release'>;
  fleet: FleetDesk;
  /** Set where this server keeps to a number of workers that it was told: nothing is decided then. */
  fixedWorkerCount: number | null;
  operations: Pick<OperationsDesk, 'read'>;
  timeline: TimelineDesk;
  webhooks: Webhooks;
}

export interface WebOptions extends Desks {
  store: ObjectStore;
  writeExport: WriteExport;
  clock: Clock;
  log: Log;
  /** Whoever holds it may do everything. */
  token: Secret;
  version: string;
  /** `127.0.0.1` unless told otherwise. */
  host: string;
  /** 0 = any free port. */
  port: number;
  /** Names besides `localhost` and addresses under which people reach this server. */
  hostsAllowed: readonly string[];
  /** Addresses and CIDR blocks of proxies whose `X-Forwarded-For` is believed. */
  proxies: readonly string[];
  /** What a contributor pushes to, without the key: `rtmp://127.0.0.1:1935/live`. */
  rtmpBase: string;
}
