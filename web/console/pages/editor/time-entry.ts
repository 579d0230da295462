import { type FrameClock, framesPerSecond, nearestFrame } from './frame-clock.ts';

/**
 * What somebody types where a frame is wanted: `+12`, `-3` (frames from the one that is set), `+1.5s`, `-1s`, `73:12:10`
 * (minutes, seconds, frames of the run), `73:12` and `1:13:12:10`. Undefined = not understood.
 */
export function parseTimeEntry(text: string, clock: FrameClock, fromFrame: number): number | undefined {
  const typed = text.trim().replaceAll(',', '.').replaceAll(';', ':');
  const step = /^([+-])\s*(\d+(?:\.\d+)?)\s*(s|f)?$/i.exec(typed);
  if (step) {
    const [, sign, amount = '', unit = 'f'] = step;
    const isSeconds = unit.toLowerCase() === 's';
    if (!isSeconds && amount.includes('.')) return undefined;
    const frames = Math.round(Number(amount) * (isSeconds ? framesPerSecond(clock) : 1));
    return fromFrame + (sign === '-' ? -frames : frames);
  }
  if (!/^\d+(:\d{1,2}){1,3}$/.test(typed)) return undefined;
  const parts = typed.split(':').map(Number);
  const [h, m, s, f] = placed(parts);
  if (s > 59 || (h > 0 && m > 59) || f >= Math.ceil(framesPerSecond(clock))) return undefined;
  return nearestFrame(clock, ((h * 60 + m) * 60 + s) * 1000) + f;
}

/** `73:12` is minutes and seconds; a third part is frames; with four the first is hours. */
function placed(parts: readonly number[]): [h: number, m: number, s: number, f: number] {
  const [a = 0, b = 0, c = 0, d = 0] = parts;
  return parts.length === 4 ? [a, b, c, d] : [0, a, b, c];
}
