import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { Accounts } from '../control/account-desk.ts';
import type { EditDesk } from '../control/edit-desk.ts';
import type { MatchDesk } from '../control/match-desk.ts';
import type { FleetDesk } from '../control/open-fleet-desk.ts';
import type { OperationsDesk } from '../control/operations-desk.ts';
import type { ReviewDesk } from '../control/review-desk.ts';
import type { TimelineDesk } from '../control/timeline-desk.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** Whom the web asks. */
export interface Desks {
  accounts: Accounts;
  desk: MatchDesk;
  edits: Pick<EditDesk, keyof EditDesk>;
  review: Pick<ReviewDesk, 'list' | 'decide' | 'claim' | 'release'>;
  fleet: FleetDesk;
  operations: Pick<OperationsDesk, 'read'>;
  timeline: TimelineDesk;
}

export interface WebOptions extends Desks {
  store: ObjectStore;
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
  /** What a contributor pushes to, without the key: `rtmp://127.0.0.1:1935/live`. */
  rtmpBase: string;
}
