/**
 * Who carries decisions out: processes here, an Auto Scaling Group, or nobody (dry run). Every call may be repeated with the
 * same outcome. One contract suite runs against each (`test/scaling/provider-contract.ts`).
 */
export interface FleetProvider {
  readonly name: 'local' | 'asg' | 'dry-run';
  readonly capabilities: {
    /** A machine that drains can be taken back to work. */
    canKeep: boolean;
  };

  /** What is there now, in which state of its life; and the pools, in the order of preference. */
  observe(signal: AbortSignal): Promise<FleetView>;

  /** Carries one action out, or says why it could not. Rejects only for what no retry can mend (`scaling.missing-group`). */
  apply(action: FleetAction, signal: AbortSignal): Promise<ActionOutcome>;

  /** Lets go of what it holds; the machines stay, except those that are processes of ours. */
  close(): Promise<void>;
}

export interface FleetView {
  machines: readonly ProvidedMachine[];
  pools: readonly ProvidedPool[];
}

export interface ProvidedMachine {
  /** As in the registry of workers: EC2 instance id, or what the local provider calls a process. */
  instanceId: string;
  pool: string;
  /** `pending` until it runs; whether its worker works is known from its beats. */
  life: 'pending' | 'running' | 'ending';
  launchedAtMs: number;
  /** It has been told to drain, ms since 1970. */
  drainOrderedAtMs?: number | undefined;
  /** The last time that a drain was taken back: its worker may not have heard of it yet. */
  keptAtMs?: number | undefined;
}

export interface ProvidedPool {
  name: string;
  power: number;
  dollarsPerHour: number;
  /** What the provider is asked to keep, machines that drain included. */
  orderedCount: number;
  unavailableUntilMs?: number | undefined;
}

export type FleetAction =
  /** Absolute: so many machines of the pool, those that drain included. Never fewer than there are. */
  | { kind: 'order'; pool: string; count: number }
  | { kind: 'drain'; instanceId: string }
  /** Takes a drain back. */
  | { kind: 'keep'; instanceId: string }
  /** Only what is drained. The pool's count goes down with it. */
  | { kind: 'terminate'; instanceId: string }
  /** It does not work; the provider replaces it. */
  | { kind: 'replace'; instanceId: string; why: string };

export type ActionOutcome =
  | { kind: 'done' }
  /** It was so already. */
  | { kind: 'unchanged' }
  /** The pool has no machines to give now: the next one is tried. */
  | { kind: 'no-capacity'; pool: string; why: string; untilMs: number }
  /** Asked for too often, or the service is away: the next round tries again. */
  | { kind: 'failed'; why: string; isRetryable: boolean };
