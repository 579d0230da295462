import type { ClipSidecar } from '../../../../core/clip.ts';
import { type FrameClock, nearestFrame, runMsOf } from './frame-clock.ts';

/** An in or an out that was pressed on another page, at a wall-clock time. */
export interface AddressMark {
  end: 'in' | 'out';
  wallMs: number;
}

/** `?in=1700000000000`, `?out=...`; undefined for an address without, or with nonsense. No DOM in here. */
export function markInAddress(search: string): AddressMark | undefined {
  const query = new URLSearchParams(search);
  for (const end of ['in', 'out'] as const) {
    const text = query.get(end) ?? '';
    if (/^\d{1,15}$/.test(text)) return { end, wallMs: Number(text) };
  }
  return undefined;
}

/**
 * The frame of the context file that the mark was made on. The wall clock counts from the first picture of the clip's own file,
 * as the page did that made the mark; from there on it is the run's time, with the gaps that the file closed up.
 */
export function frameOfMark(
  mark: AddressMark,
  clip: Pick<ClipSidecar, 'startWallMs' | 'actual' | 'gaps' | 'frameRate'>,
  clock: FrameClock,
): number {
  const inClip = {
    startMs: clip.actual.in90k / 90,
    rate: clip.frameRate ?? clock.rate,
    frameCount: clock.frameCount,
    gaps: clip.gaps.map((gap) => ({ fromMs: gap.start90k / 90, toMs: gap.end90k / 90 })),
  };
  const frame = nearestFrame(clock, runMsOf(inClip, mark.wallMs - clip.startWallMs));
  return Math.max(0, Math.min(clock.frameCount - 1, frame));
}
