import type { ExportClip } from '../../core/export-timeline.ts';
import { frameOfDay, timecodeOf, timecodeRate } from './timecode.ts';

/** What the editor called it, or what the model did. */
export function nameOf({ title, label }: ExportClip): string {
  return title === '' ? label : title;
}

/** For what takes ASCII alone: `é` becomes `e`. */
export function withoutAccents(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '');
}

/** Label, score and the strongest reasons, in one line. */
export function noteOf({ label, score, reasons }: ExportClip): string {
  return [`${label} ${score.toFixed(2)}:`, ...reasons.slice(0, 3)].join(' ');
}

/** Time of the day (UTC) of the first picture as timecode of the clip's rate; undefined where the rate has none. */
export function timeOfDay({ startWallMs, frameRate }: ExportClip): string | undefined {
  const rate = timecodeRate(frameRate);
  return rate && timecodeOf(frameOfDay(startWallMs, frameRate), rate);
}
