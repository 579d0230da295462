import type { Moment } from '../core/moment.ts';

/** One moment for a person: `12:07.4  goal  0.97  0:18  crowd roar +8 dB; score 1-0`. */
export function momentLine(moment: Moment): string {
  const lengthS = Math.round((moment.outMs - moment.inMs) / 1000);
  const why = moment.reasons.map((reason) => reason.text).join('; ');
  return `${clockTime(moment.peakMs)}  ${moment.label}  ${moment.score.toFixed(2)}  ${lengthS} s  ${why}`;
}

function clockTime(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = ((ms % 60_000) / 1000).toFixed(1).padStart(4, '0');
  return `${minutes}:${seconds}`;
}
