import type { ExportClip, ExportTimeline } from '../../core/export-timeline.ts';
import { timeOfDay } from './clip-words.ts';

/** What stands in a column. A number is a string that we have written ourselves. */
const columns: readonly (readonly [string, (clip: ExportClip) => string])[] = [
  ['clip', ({ clipId }) => clipId],
  ['channel', ({ channelName }) => channelName],
  ['title', ({ title }) => title],
  ['label', ({ label }) => label],
  ['score', ({ score }) => score.toFixed(3)],
  ['decision', ({ decision }) => decision],
  ['tags', ({ tags }) => tags.join(', ')],
  ['start_utc', ({ startWallMs }) => new Date(startWallMs).toISOString()],
  ['time_of_day', (clip) => timeOfDay(clip) ?? ''],
  ['duration_s', ({ frameCount, frameRate: { num, den } }) => ((frameCount * den) / num).toFixed(3)],
  ['duration_frames', ({ frameCount }) => String(frameCount)],
  ['peak_frame', ({ peakFrame }) => String(peakFrame)],
  ['frame_rate', ({ frameRate: { num, den } }) => (den === 1 ? String(num) : `${num}/${den}`)],
  ['width', ({ width }) => String(width)],
  ['height', ({ height }) => String(height)],
  ['file', ({ fileName }) => fileName],
  ['url', ({ url }) => url],
  ['reasons', ({ reasons }) => reasons.join(' | ')],
];

/**
 * RFC 4180, with the byte-order mark that spreadsheets want for UTF-8. A cell that a spreadsheet would compute gets an apostrophe before it:
 * titles are typed by people (OWASP, CSV injection).
 */
export function csvOf({ clips }: ExportTimeline): string {
  const rows = [columns.map(([name]) => name), ...clips.map((clip) => columns.map(([, cell]) => cell(clip)))];
  return `\ufeff${rows.map((cells) => cells.map(quoted).join(',')).join('\r\n')}\r\n`;
}

function quoted(text: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
