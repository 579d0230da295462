import { z } from 'zod';

const ms = z.int();

/**
 * A time series that a detector found in one segment. `atMs` and `values` have one length and ascend in time; times are
 * ms on the run's timeline. Names are `<source>.<what>`; unit and meaning of each stand with its detector.
 */
export const signal = z.object({
  name: z.string().regex(/^[a-z][a-z0-9.-]*$/),
  unit: z.string(),
  atMs: z.array(ms),
  values: z.array(z.number()),
});

/** One detection. `evidence` is what a person needs in order to check it; its shape belongs to the detector. */
export const spot = z.object({
  atMs: ms,
  label: z.string(),
  /** 0 to 1. */
  confidence: z.number().min(0).max(1),
  /** The signal or model that says so. */
  source: z.string(),
  durationMs: ms.nonnegative().default(0),
  evidence: z.record(z.string(), z.unknown()).default({}),
});

/** One entry of the answer to "why is this a moment?". */
export const reason = z.object({
  signal: z.string(),
  /** Its share of the evidence, 0 to 1; the shares of a moment add up to 1. */
  contribution: z.number().min(0).max(1),
  atMs: ms,
  /** One sentence for an editor. */
  text: z.string(),
});

/** Something worth a clip. Times are ms on the run's timeline; `inMs <= peakMs < outMs`. */
export const moment = z.object({
  id: z.string(),
  label: z.string(),
  peakMs: ms,
  inMs: ms,
  outMs: ms,
  score: z.number().min(0).max(1),
  /** Strongest first. */
  reasons: z.array(reason),
});

export type Signal = z.infer<typeof signal>;
export type Spot = z.infer<typeof spot>;
export type Reason = z.infer<typeof reason>;
export type Moment = z.infer<typeof moment>;
