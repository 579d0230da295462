/** One stretch between two steps of a clip's way. Times are ms since the moment on the pitch. */
export interface Stretch {
  step: string;
  /** For people: "waited for the analysis". */
  words: string;
  fromMs: number;
  toMs: number;
  instanceId: string | undefined;
}

interface Step {
  step: string;
  sinceHappenedMs: number;
  instanceId?: string | undefined;
}

/** What went on until each step was reached. */
const wordsOfStep: Record<string, string> = {
  'segment-closed': 'the segment was recorded to its end',
  queued: 'stored, written down and queued',
  'analysis-started': 'waited for a worker to look',
  analysed: 'a worker looked',
  decided: 'the director decided',
  'fast-cut-started': 'waited for a worker to cut',
  'fast-cut': 'the fast clip was cut',
  'fast-visible': 'the fast clip was shown',
  'exact-cut-started': 'waited for the exact cut',
  'exact-cut': 'the exact clip was cut',
  'exact-visible': 'the exact clip was shown',
};

/**
 * The way of a clip from a recording begins when it was taken in: it comes in faster than it was played, and its wall clock says when
 * that would have been.
 */
export function wayOf<S extends Step>(steps: readonly S[]): { steps: S[]; isRecording: boolean } {
  const at = (step: string): number | undefined => steps.find((one) => one.step === step)?.sinceHappenedMs;
  const [closed, queued] = [at('segment-closed'), at('queued')];
  if (closed === undefined || queued === undefined || queued >= closed)
    return { steps: [...steps], isRecording: false };
  const own = steps.filter(({ step }) => step !== 'happened' && step !== 'segment-closed');
  return {
    steps: own.map((one) => ({ ...one, sinceHappenedMs: one.sinceHappenedMs - queued })),
    isRecording: true,
  };
}

/** The way as stretches, in the order of time. Clocks of two machines may disagree by some ms: none is shorter than 0. */
export function stretchesOf(steps: readonly Step[]): Stretch[] {
  const inTime = steps.toSorted((a, b) => a.sinceHappenedMs - b.sinceHappenedMs);
  return inTime.slice(1).map(({ step, sinceHappenedMs, instanceId }, nth) => ({
    step,
    words: wordsOfStep[step] ?? step,
    fromMs: inTime[nth]?.sinceHappenedMs ?? 0,
    toMs: sinceHappenedMs,
    instanceId,
  }));
}

/** Where the time went: the longest stretch before the first clip was visible, or of all when none is. */
export function slowestOf(stretches: readonly Stretch[]): Stretch | undefined {
  const visible = stretches.findIndex(({ step }) => step === 'fast-visible' || step === 'exact-visible');
  const before = visible < 0 ? stretches : stretches.slice(0, visible + 1);
  return before.toSorted((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs))[0];
}
