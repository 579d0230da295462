/**
 * The frames of a file and where they lie in its run. `startMs` is the run time of the first one. Gaps (run times, ascending) are
 * closed up in the file: behind one its frames are later in the run than their number says.
 */
export interface FrameClock {
  startMs: number;
  rate: { num: number; den: number };
  frameCount: number;
  gaps: readonly { fromMs: number; toMs: number }[];
}

export function framesPerSecond({ rate }: Pick<FrameClock, 'rate'>): number {
  return rate.num / rate.den;
}

/** Run time of a place in the file, given in ms from its beginning. */
export function runMsOf(clock: FrameClock, fileMs: number): number {
  let runMs = clock.startMs + fileMs;
  // What begins with the gap is the first behind it; half a frame, because feeds count whole ms.
  const half = halfFrameMs(clock);
  for (const { fromMs, toMs } of clock.gaps) if (runMs > fromMs - half) runMs += toMs - fromMs;
  return runMs;
}

/** Of a time in a gap: where the gap was closed. */
function fileMsOf({ startMs, gaps }: FrameClock, runMs: number): number {
  let missingMs = 0;
  for (const { fromMs, toMs } of gaps) {
    if (runMs <= fromMs) break;
    if (runMs < toMs) return fromMs - startMs - missingMs;
    missingMs += toMs - fromMs;
  }
  return runMs - startMs - missingMs;
}

/** Run time at which a frame begins; may be a fraction of a ms. */
export function msOfFrame(clock: FrameClock, frame: number): number {
  return runMsOf(clock, (frame * 1000 * clock.rate.den) / clock.rate.num);
}

/** The frame that is shown at a run time. The millionth keeps a frame's own beginning in it, whatever rounding did. */
export function frameAtMs(clock: FrameClock, runMs: number): number {
  return Math.floor(framesIn(clock, fileMsOf(clock, runMs)) + 1e-6);
}

/** The frame whose beginning is nearest: times in whole ms name a beginning, and may lie half a ms before it. */
export function nearestFrame(clock: FrameClock, runMs: number): number {
  return Math.round(framesIn(clock, fileMsOf(clock, runMs)));
}

/**
 * What the API is told of the first frame that is shown, and of the last, in ticks of 90 kHz: half a frame before and behind it. A
 * cut takes the pictures from `in90k` to before `out90k`, and those of a feed over RTMP stand at whole ms, up to one beside their
 * place in the grid: the middle between two is far from both. In a gap nothing can begin, so a clip begins where it ends.
 */
export function cutTicksOf(
  clock: FrameClock,
  { inFrame, outFrame }: { inFrame: number; outFrame: number },
): { in90k: number; out90k: number } {
  const half = halfFrameMs(clock);
  const firstMs = msOfFrame(clock, inFrame);
  const gap = clock.gaps.find(({ fromMs, toMs }) => firstMs - half < toMs && firstMs > fromMs);
  const inMs = inFrame <= 0 ? clock.startMs : gap ? gap.toMs : firstMs - half;
  return { in90k: Math.round(inMs * 90), out90k: Math.round((msOfFrame(clock, outFrame - 1) + half) * 90) };
}

/** The first frame at or after a tick: the one that a cut there begins with. A ms of grace, for the same reason. */
export function frameOfCut(clock: FrameClock, ticks: number): number {
  return Math.max(0, Math.ceil(framesIn(clock, fileMsOf(clock, ticks / 90) - 1)));
}

/** Seconds in the file; the middle of the frame, because its beginning is not always taken for it. */
export function videoTimeOfFrame({ rate }: Pick<FrameClock, 'rate'>, frame: number): number {
  return ((frame + 0.5) * rate.den) / rate.num;
}

export function frameAtVideoTime({ rate }: Pick<FrameClock, 'rate'>, seconds: number): number {
  return Math.floor((seconds * rate.num) / rate.den + 1e-6);
}

/** `12:30:07`: minutes, seconds and frames of the run. Reading it back gives the same frame at every rate (`parseTimeEntry`). */
export function frameLabel(clock: FrameClock, frame: number): string {
  let seconds = Math.floor(msOfFrame(clock, frame) / 1000);
  // At 29.97 a second begins between two frames: it owns those from the nearest on.
  while (nearestFrame(clock, (seconds + 1) * 1000) <= frame) seconds += 1;
  while (nearestFrame(clock, seconds * 1000) > frame) seconds -= 1;
  const within = frame - nearestFrame(clock, seconds * 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const minutes = h > 0 ? `${h}:${two(m)}` : String(m);
  return `${minutes}:${two(s)}:${two(within)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function framesIn({ rate }: FrameClock, fileMs: number): number {
  return (fileMs * rate.num) / (1000 * rate.den);
}

function halfFrameMs({ rate }: FrameClock): number {
  return (500 * rate.den) / rate.num;
}
