/** A grid of frames in a file: `startMs` is the run time of its first one. */
export interface FrameClock {
  startMs: number;
  rate: { num: number; den: number };
  frameCount: number;
}

export function framesPerSecond({ rate }: Pick<FrameClock, 'rate'>): number {
  return rate.num / rate.den;
}

/** Run time at which a frame begins; may be a fraction of a ms. */
export function msOfFrame({ startMs, rate }: FrameClock, frame: number): number {
  return startMs + (frame * 1000 * rate.den) / rate.num;
}

/**
 * What the API is told of a frame that is the first (of those shown, or of those not shown any more), in ticks of 90 kHz: half a
 * frame before it. A cut takes the pictures from `in90k` to before `out90k`, and those of a feed over RTMP stand at whole ms, up
 * to one beside their place in the grid: the middle between two is far from both.
 */
export function cutTicksOf(clock: FrameClock, frame: number): number {
  const first = Math.round(clock.startMs * 90);
  if (frame <= 0) return first;
  const at = frame >= clock.frameCount ? clock.frameCount : frame - 0.5;
  return Math.round(msOfFrame(clock, at) * 90);
}

/** The first frame at or after a tick: the one that a cut there begins with. A ms of grace, for the same reason. */
export function frameOfCut(clock: FrameClock, ticks: number): number {
  const { startMs, rate } = clock;
  return Math.max(0, Math.ceil(((ticks / 90 - startMs - 1) * rate.num) / (1000 * rate.den)));
}

/** The frame that is shown at a run time. The millionth keeps a frame's own beginning in it, whatever rounding did. */
export function frameAtMs({ startMs, rate }: FrameClock, atMs: number): number {
  return Math.floor(((atMs - startMs) * rate.num) / (1000 * rate.den) + 1e-6);
}

/** The frame whose beginning is nearest: times in whole ms name a beginning, and may lie half a ms before it. */
export function nearestFrame({ startMs, rate }: FrameClock, atMs: number): number {
  return Math.round(((atMs - startMs) * rate.num) / (1000 * rate.den));
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
