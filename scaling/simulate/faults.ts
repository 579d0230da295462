/** From and to, ms since 1970. */
export interface Window {
  fromMs: number;
  toMs: number;
}

/** What the world does to a fleet besides making it boot. Empty: nothing. */
export interface Faults {
  /** No machine is launched beyond so many of a pool; the first pool when none is named. */
  shortages?: readonly (Window & { pool?: string | undefined; countMax: number })[];
  /** Machines are taken away: how often, and how long before that they hear of it. 0: not at all. */
  spot?: { killsPerMachineHour: number; noticeSeconds: number };
  /** Nobody can read the load: the figures stay what they were when it began. */
  stale?: readonly Window[];
  /** Share of calls that the service turns away for being too many. */
  throttledShare?: number;
  /** The controller is dead, and starts anew at the end of it with what was written down. */
  crashes?: readonly Window[];
}

export function isWithin(windows: readonly Window[] | undefined, atMs: number): boolean {
  return windows?.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs) ?? false;
}
