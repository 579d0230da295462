import type { Backlog, ChannelLoad } from '../core/load.ts';

/** Everything that a decision is made of. It can be written down and decided upon again, with the same outcome. */
export interface Snapshot {
  /** The moment of the decision, ms since 1970. */
  atMs: number;
  /** When the load was read. */
  measuredAtMs: number;
  channels: readonly ChannelLoad[];
  backlog: Backlog;
  machines: readonly Machine[];
  /** In the order of preference; the first is what a machine is counted in. At least one. */
  pools: readonly Pool[];
  /** From launch to the first finished job, p95 of what was measured, ms. */
  bootMsP95: number;
  /** Earlier decisions, newest last; at least those of the last ten minutes where there are any. */
  history: readonly PastDecision[];
  overrides: Overrides;
}

/**
 * `pending`: ordered, and its worker has not reported yet; `ready`: works; `draining`: takes nothing new; `drained`: holds
 * nothing and takes nothing; `sick`: does not answer, or answers and does not work; `ending`: its end has been asked for.
 */
export type MachineState = 'pending' | 'ready' | 'draining' | 'drained' | 'sick' | 'ending';

export interface Machine {
  id: string;
  pool: string;
  state: MachineState;
  launchedAtMs: number;
  jobsInHand: number;
  /** It drains, and cannot be taken back: EC2 takes it away, or an operator has told it to. */
  isGoing?: boolean | undefined;
}

export interface Pool {
  name: string;
  /** Work seconds per second of one machine. */
  power: number;
  dollarsPerHour: number;
  /** It refused to launch, and is not asked again before. */
  unavailableUntilMs?: number | undefined;
}

export interface PastDecision {
  atMs: number;
  /** What the load called for, in machines, before any brake. */
  neededCount: number;
  desiredCount: number;
}

/** What an operator has said; it goes before what is computed. */
export interface Overrides {
  pin?: { count: number; untilMs: number } | undefined;
  /** No machine is let go. */
  isInPaused: boolean;
  /** No machine is ordered. */
  isOutPaused: boolean;
}

export const noOverrides: Overrides = { isInPaused: false, isOutPaused: false };
