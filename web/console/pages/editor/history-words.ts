import type { EditEntry, EditWish } from '../../../api/schemas/edit.ts';
import { type FrameClock, framesPerSecond } from './frame-clock.ts';

/** What somebody changed, against the version before: "in 3 frames later, title". */
export function changeWords(entry: EditEntry, before: EditWish, clock: FrameClock): string {
  if (entry.what === 'reset') return 'back to what was found';
  if (entry.what === 'made') return 'made by hand';
  if (entry.what === 'recut') return 'cut again';
  const changes = [
    moved('in', entry.in90k - before.in90k, clock),
    moved('out', entry.out90k - before.out90k, clock),
    entry.cropVertical === before.cropVertical ? '' : 'crop 9:16',
    entry.cropSquare === before.cropSquare ? '' : 'crop 1:1',
    entry.title === before.title ? '' : 'title',
    JSON.stringify(entry.tags) === JSON.stringify(before.tags) ? '' : 'tags',
  ].filter((change) => change !== '');
  return changes.length === 0 ? 'no change' : changes.join(', ');
}

function moved(end: 'in' | 'out', by90k: number, clock: FrameClock): string {
  const frames = Math.round((Math.abs(by90k) * framesPerSecond(clock)) / 90_000);
  if (frames === 0) return '';
  return `${end} ${frames === 1 ? '1 frame' : `${frames} frames`} ${by90k > 0 ? 'later' : 'earlier'}`;
}
