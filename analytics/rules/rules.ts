import { z } from 'zod';

const share = z.number().min(0).max(1);
const spanMs = z.int().min(0).max(180_000);
const label = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower-case words joined by hyphens');

/**
 * How much one kind of clue says for a moment at time t: it counts when it begins at most `beforeMs` before t or
 * `afterMs` after it.
 */
const clueWeight = z.strictObject({
  weight: share,
  beforeMs: spanMs,
  afterMs: spanMs,
  /** What the moment is called when this clue is the strongest. */
  label: label.optional(),
});

/** A legal change of one number on the bug. The first step in the list that fits names it. */
const scoreStep = z
  .strictObject({
    /** New value minus old value... */
    by: z.int().min(1).max(99).optional(),
    /** ...or exactly this old and new value (tennis counts 0, 15, 30, 40). */
    from: z.int().min(0).max(999).optional(),
    to: z.int().min(0).max(999).optional(),
    /** For "152-3": the number before or behind the hyphen only. */
    cell: z.enum(['any', 'first', 'second']).default('any'),
    label,
    /** How much of the weight of a score change it deserves; 0 = legal, but nobody wants the clip. */
    worth: share.default(1),
  })
  .refine((step) => (step.by === undefined) !== (step.from === undefined || step.to === undefined), {
    message: 'must have either `by` or both `from` and `to`',
  });

/** A section in which one number must not exceed another. Checked per section, so that all problems show at once. */
function ascending<Shape extends z.ZodRawShape>(shape: Shape, pairs: readonly [low: string, high: string][]) {
  return z.strictObject(shape).superRefine((section, context) => {
    const values = section as Record<string, unknown>;
    for (const [low, high] of pairs) {
      if (Number(values[low]) <= Number(values[high])) continue;
      context.addIssue({
        code: 'custom',
        path: [low],
        message: `must not exceed ${high} (got ${String(values[low])} and ${String(values[high])})`,
      });
    }
  });
}

/** What makes a moment in one sport or on one channel. Times are ms, levels dB. See `generic.yaml` for the defaults. */
export const rules = z.strictObject({
  schema: z.literal('touchline.rules/1'),
  sport: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/),
  /** What a moment is called when no clue has a name for it. */
  label,
  /** A moment scores at least this... */
  threshold: share.min(0.05),
  /** ...and this where there is no sound to judge by, so that a mute feed still gives moments. */
  thresholdWithoutSound: share.min(0.05),
  /** Two peaks nearer than this are one moment. */
  refractoryMs: z.int().min(1000).max(120_000),
  clip: ascending(
    {
      /** The clip opens at the last cut between these two before the peak, else `leadMs` before it. */
      leadMsMin: spanMs,
      leadMsMax: spanMs,
      leadMs: spanMs,
      /** It closes when the roar has died down, between these two behind the peak, at a cut where one is near. */
      tailMsMin: spanMs,
      tailMsMax: spanMs,
    },
    [
      ['leadMsMin', 'leadMs'],
      ['leadMs', 'leadMsMax'],
      ['tailMsMin', 'tailMsMax'],
    ],
  ),
  crowd: ascending(
    {
      weight: share,
      beforeMs: spanMs,
      afterMs: spanMs,
      label: label.optional(),
      /** The quiet level is the median of the noise floor over this long before. */
      baselineMs: z.int().min(3000).max(120_000),
      /** A rise of `riseDbMin` says nothing yet, `riseDbFull` all that a roar can say. */
      riseDbMin: z.number().min(0.5).max(30),
      riseDbFull: z.number().min(1).max(40),
      /** Crest (mean above floor): up to `crestDbFull` it is a crowd, from `crestDbNone` it is a voice or music. */
      crestDbFull: z.number().min(0.1).max(20),
      crestDbNone: z.number().min(0.2).max(30),
      /** Shorter noises are bangs. */
      holdMsMin: z.int().min(0).max(4000),
      /** Share that certain speech takes of what the crest leaves in doubt: nothing of a roar at `crestDbFull`. */
      speechDamping: share,
    },
    [
      ['riseDbMin', 'riseDbFull'],
      ['crestDbFull', 'crestDbNone'],
    ],
  ),
  whistle: clueWeight,
  /** `countMin` cuts in `withinMs`: play has stopped and the director shows faces. */
  cutBurst: z.strictObject({
    ...clueWeight.shape,
    countMin: z.int().min(2).max(20),
    withinMs: z.int().min(1000).max(60_000),
  }),
  /** Movement in the picture, against its own median over the crowd's baseline. */
  motion: ascending({ ...clueWeight.shape, riseMin: z.number().min(1), riseFull: z.number().min(1) }, [
    ['riseMin', 'riseFull'],
  ]),
  /**
   * A shot in which the movement rises towards its end, and then the director cuts away. Counts only where there is no sound:
   * a feed that can be heard has better witnesses.
   */
  climax: ascending({ ...clueWeight.shape, riseMin: z.number().min(1), riseFull: z.number().min(1) }, [
    ['riseMin', 'riseFull'],
  ]),
  /** What models report, by the label of their spots in lower case. */
  spots: z.record(z.string(), clueWeight),
  score: ascending(
    {
      weight: share,
      /** The bug is changed after the event: the moment lies in this span before it... */
      lookBackMs: spanMs,
      /** ...or, with a quick hand at the bug, the crowd peaks this long after it. */
      lookAheadMs: z.int().min(0).max(20_000),
      /** Where the peak is put when nothing was heard or seen in the span. */
      lagMs: spanMs,
      /** A value is believed after this many equal reads... */
      equalReads: z.int().min(2).max(10),
      /** ...that span at least this long: wipes and count-up animations are over by then. */
      settleMsMin: z.int().min(0).max(10_000),
      valueMax: z.int().min(1).max(999),
      steps: z.array(scoreStep),
    },
    [['lagMs', 'lookBackMs']],
  ),
  /** The bug goes away and comes back: a replay of what was before. Strengthens a moment, never makes one. */
  replay: ascending(
    {
      weight: share,
      lookBackMs: spanMs,
      /** Where the peak of a score change is put that was neither heard nor seen: this long before the replay. */
      lagMs: spanMs,
      absentMsMin: z.int().min(1000).max(60_000),
      absentMsMax: z.int().min(2000).max(120_000),
    },
    [
      ['lagMs', 'lookBackMs'],
      ['absentMsMin', 'absentMsMax'],
    ],
  ),
  /** Where looking at more frames may pay: around everything that reaches this share of the threshold. */
  fine: z.strictObject({ thresholdShare: share, beforeMs: spanMs, afterMs: spanMs }),
});

export type Rules = z.infer<typeof rules>;
export type ClueWeight = z.infer<typeof clueWeight>;
export type ScoreStep = z.infer<typeof scoreStep>;
