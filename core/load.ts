/**
 * What the ledger says of the work, and the registry of the workers: the words that `control/` (which writes them down) and
 * `scaling/` (which decides by them) share. Work is counted in seconds of one slot of a machine of power 1: of one GPU in
 * production, of one worker process on a laptop.
 */
export interface LoadView {
  /** When it was read, ms since 1970. */
  measuredAtMs: number;
  channels: readonly ChannelLoad[];
  backlog: Backlog;
  workers: readonly WorkerView[];
}

/** A channel that is live, or that a fixture says will be. */
export interface ChannelLoad {
  channelId: string;
  name: string;
  isLive: boolean;
  /** By the schedule, ms since 1970; undefined when no fixture names it. */
  startsAtMs?: number | undefined;
  endsAtMs?: number | undefined;
  /** Work seconds per second of its media while it is live: measured on its own segments, else what such channels take. */
  workPerMediaSecond: number;
}

/** Of `analyse` and `cut` jobs together. */
export interface Backlog {
  waitingCount: number;
  waitingWorkSeconds: number;
  /** Of the job that waits longest; 0 when none waits. */
  oldestWaitMs: number;
  inFlightCount: number;
  /** What is left to do of those, as far as can be told. */
  inFlightWorkSeconds: number;
  /** Work seconds that came per second, over the last minute. */
  arrivedWorkPerSecond: number;
  /** Of one job, over the last ten minutes; 0 when there was none. */
  meanServiceSeconds: number;
}

export const nothingWaits: Backlog = {
  waitingCount: 0,
  waitingWorkSeconds: 0,
  oldestWaitMs: 0,
  inFlightCount: 0,
  inFlightWorkSeconds: 0,
  arrivedWorkPerSecond: 0,
  meanServiceSeconds: 0,
};

/** Before anything was read. */
export const nothingKnown: LoadView = { measuredAtMs: 0, channels: [], backlog: nothingWaits, workers: [] };

/** One machine, as its workers told together. */
export interface InstanceLoad {
  instanceId: string;
  workerCount: number;
  inFlightCount: number;
  /** How full its slots were over the last minute, 0 to 1. */
  load: number;
}

/** One worker process, as its last beat told. */
export interface WorkerView {
  workerId: string;
  instanceId: string;
  slots: { analyse: number; cut: number };
  /** Ids of the jobs in its hands. */
  jobIds: readonly string[];
  state: 'working' | 'draining' | 'drained';
  startedAtMs: number;
  lastBeatAtMs: number;
  lastCompletedAtMs: number | undefined;
  completedCount: number;
  /** Work seconds it did per second over the last minute, 0 to its slots. */
  throughput: number;
  /** Its clock minus ours, with the way of a beat in it. */
  clockSkewMs: number;
  /** The self-test of its device went through. */
  isDeviceOk: boolean;
}
