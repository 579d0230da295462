/** What a timeline is made of. Times in ms on the run's timeline; whoever reads the API brings its answers into this form. */
export interface TimelineData {
  fromMs: number;
  /** The end of what is known: the live edge while it grows. */
  toMs: number;
  isLive: boolean;
  /** Ascending; values 0 to 1. */
  curve: Curve;
  /** What the curve is made of. */
  signals: readonly Signal[];
  moments: readonly TimelineMoment[];
  gaps: readonly Gap[];
}

export interface Curve {
  atMs: readonly number[];
  /** NaN where nothing is known. */
  values: readonly number[];
}

export interface Signal extends Curve {
  /** For people: "crowd". */
  label: string;
  /** With its unit, of one value: "−21 dB". */
  say(value: number): string;
}

/** The states that differ in colour, and in shape for those who do not see colours. */
export type MomentTone = 'undecided' | 'approved' | 'rejected' | 'failed';

export interface TimelineMoment {
  id: string;
  clipId: string;
  label: string;
  score: number;
  inMs: number;
  peakMs: number;
  outMs: number;
  tone: MomentTone;
  isByHand: boolean;
}

export interface Gap {
  fromMs: number;
  toMs: number;
  /** "no media for 12 s" */
  why: string;
}
