/** Numbers as people read them. Times in ms, sizes in bytes. */

/** `0:07`, `12:30`, `1:02:03`. */
export function clockOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${twoDigits(m)}:${twoDigits(s)}` : `${m}:${twoDigits(s)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** `3.2 s`, `45 s`, `4 min`, `2 h 10 min`. */
export function spanOf(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytesOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power] ?? ''}`;
}

// Made once: each costs more than a row of the queue, and so much memory outside of the heap that a screen of them sets off a full
// collection.
const ofDay = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});
const ofDate = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short', hour12: false });

/** The wall clock of whoever looks. */
export function timeOfDay(wallMs: number): string {
  return ofDay.format(wallMs);
}

/** `23 Nov 2026, 14:05` */
export function dateOf(wallMs: number): string {
  return ofDate.format(wallMs);
}
