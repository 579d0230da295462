/** A rule from the field that says how many machines there shall be. Each stands in a file of its own, with its source. */
export interface Baseline {
  name: string;
  /** Where the rule and its defaults are written down. */
  source: string;
  everySeconds: number;
  letGo: LetGo;
  /** Which idle machine its dispatcher prefers; the one that has been idle longest unless it says otherwise. */
  dispatch?: 'longest-idle' | 'latest-idle';
  /** A rule with an empty memory. */
  create(about: BaselineSetting): Rule;
}

/** The count that there shall be; undefined: as it is. */
export type Rule = (sight: BaselineSight) => number | undefined;

export type LetGo =
  /** The oldest machines are ended, whatever they have in hand. */
  | { kind: 'kill' }
  /** They finish what they have in hand. */
  | { kind: 'drain' }
  /** The rule only adds; a machine goes by itself when it has been idle for so long. */
  | { kind: 'when-idle'; seconds: number };

/** What whoever sets a rule up would know. */
export interface BaselineSetting {
  sloSeconds: number;
  /** Of one segment on one machine, mean. */
  serviceSeconds: number;
  /** Machines that the day's schedule and all that happens besides it keep busy at the peak: only hindsight knows. */
  peakBusyCount: number;
  bootSecondsMedian: number;
  countMax: number;
  /** What is in the schedule. */
  fixtures: readonly { startMs: number; endMs: number }[];
}

export interface BaselineSight {
  atMs: number;
  /** Of the figures. */
  ageSeconds: number;
  /** Of segments that nobody has in hand. */
  visibleCount: number;
  inFlightCount: number;
  /** Machines that work; those that were told to go left out. */
  readyCount: number;
  /** Those and the ones that boot. */
  orderedCount: number;
}
