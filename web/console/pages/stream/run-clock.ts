import { firstIndex } from '../../../../core/first-index.ts';

/** What ties run time to the clock on the wall: each segment knows both of its start. */
export interface ClockSegment {
  fromMs: number;
  toMs: number;
  startWallMs: number;
}

/** Of a time in a gap, or beyond the end: as the segment before it goes on. `startWallMs` of the run where there is none. */
export function wallOf(segments: readonly ClockSegment[], runMs: number, startWallMs: number): number {
  const segment = lastWith(segments, (one) => one.fromMs <= runMs);
  return segment ? segment.startWallMs + (runMs - segment.fromMs) : startWallMs + runMs;
}

export function runMsOf(segments: readonly ClockSegment[], wallMs: number, startWallMs: number): number {
  const segment = lastWith(segments, (one) => one.startWallMs <= wallMs);
  return segment ? segment.fromMs + (wallMs - segment.startWallMs) : wallMs - startWallMs;
}

/** Both times ascend from segment to segment. */
function lastWith<T>(sorted: readonly T[], holds: (one: T) => boolean): T | undefined {
  return sorted[firstIndex(sorted, (one) => !holds(one)) - 1];
}

/** A piece of a playlist as hls.js knows it: `startS` in the video, `wallMs` from EXT-X-PROGRAM-DATE-TIME. */
export interface PlaylistPiece {
  startS: number;
  durationS: number;
  wallMs: number;
}

/** Where in the video the wall clock showed `wallMs`; the nearest there is. */
export function videoTimeOf(pieces: readonly PlaylistPiece[], wallMs: number): number | undefined {
  const piece = lastWith(pieces, (one) => one.wallMs <= wallMs) ?? pieces[0];
  if (!piece) return undefined;
  const into = Math.max(0, Math.min(piece.durationS, (wallMs - piece.wallMs) / 1000));
  return piece.startS + into;
}

export function wallAtVideoTime(pieces: readonly PlaylistPiece[], videoS: number): number | undefined {
  const piece = lastWith(pieces, (one) => one.startS <= videoS) ?? pieces[0];
  return piece && piece.wallMs + (videoS - piece.startS) * 1000;
}
