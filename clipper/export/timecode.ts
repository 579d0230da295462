import type { FrameRate } from '../../core/media-time.ts';

/** How SMPTE ST 12-1 labels the frames of a rate. */
export interface TimecodeRate {
  /** Labels in a second: 30 for 29.97. */
  nominal: number;
  /** Labels that are left out at the start of each minute but every tenth: 2 at 29.97, 4 at 59.94, so that labels keep to the clock. */
  dropped: 0 | 2 | 4;
}

const ntsc = { num: 1000, den: 1001 };

/** Undefined where nobody counts timecode: rates that are neither whole nor 1000/1001 of 24, 30 or 60, and those above 60. */
export function timecodeRate({ num, den }: FrameRate): TimecodeRate | undefined {
  if (num % den === 0 && num / den >= 1 && num / den <= 60) return { nominal: num / den, dropped: 0 };
  for (const [nominal, dropped] of [
    [24, 0],
    [30, 2],
    [60, 4],
  ] as const) {
    if (num * ntsc.den === nominal * ntsc.num * den) return { nominal, dropped };
  }
  return undefined;
}

/** `HH:MM:SS:FF`, with `;` before the frames where labels are dropped. Begins anew after 24 hours. */
export function timecodeOf(frame: number, rate: TimecodeRate): string {
  const { nominal, dropped } = rate;
  const label = labelOf(wrapped(frame, framesPerDay(rate)), rate);
  const seconds = Math.floor(label / nominal);
  const fields = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${fields.map(two).join(':')}${dropped === 0 ? ':' : ';'}${two(label % nominal)}`;
}

/** The frame of that label; undefined when it is none: text of another form, or a label that is dropped. */
export function frameOfTimecode(text: string, rate: TimecodeRate): number | undefined {
  const { nominal, dropped } = rate;
  const found = /^(\d\d):([0-5]\d):([0-5]\d)([:;])(\d\d)$/.exec(text);
  if (!found) return undefined;
  const [hours = 0, minutes = 0, seconds = 0, , frames = 0] = found.slice(1).map(Number);
  if (hours > 23 || frames >= nominal || (found[4] === ';') !== dropped > 0) return undefined;
  if (frames < dropped && seconds === 0 && minutes % 10 !== 0) return undefined;
  const minutesInAll = hours * 60 + minutes;
  const skipped = dropped * (minutesInAll - Math.floor(minutesInAll / 10));
  return (minutesInAll * 60 + seconds) * nominal + frames - skipped;
}

/**
 * The frame that is shown at a time of the day (UTC). Where no labels are dropped and the rate is not whole (23.976) labels fall behind the
 * clock by 3.6 s an hour, as those of any camera do.
 */
export function frameOfDay(wallMs: number, { num, den }: FrameRate): number {
  const msOfDay = wrapped(wallMs, 86_400_000);
  return Math.round((msOfDay * num) / (1000 * den));
}

/** Frames whose labels are used in 24 hours. */
export function framesPerDay({ nominal, dropped }: TimecodeRate): number {
  return 24 * 6 * framesPerTenMinutes({ nominal, dropped });
}

/** The number of the label of a frame, those that are dropped counted. */
function labelOf(frame: number, rate: TimecodeRate): number {
  const { nominal, dropped } = rate;
  const tens = Math.floor(frame / framesPerTenMinutes(rate));
  const within = frame % framesPerTenMinutes(rate);
  const perMinute = 60 * nominal - dropped;
  // The first of the ten minutes has all of its labels.
  const minutes = Math.floor(Math.max(0, within - dropped) / perMinute);
  return frame + dropped * (9 * tens + minutes);
}

function framesPerTenMinutes({ nominal, dropped }: TimecodeRate): number {
  return 600 * nominal - 9 * dropped;
}

function wrapped(value: number, period: number): number {
  return ((value % period) + period) % period;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
