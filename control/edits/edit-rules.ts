import { TouchlineError } from '../../core/errors.ts';
import { ticksPerSecond } from '../../core/media-time.ts';
import type { Range90k } from './cut-jobs.ts';

const lengthMin90k = ticksPerSecond / 2;
/** Half a frame at 10 a second: who counts frames from a first one may end so far beside the last. It is cut at the end of the media. */
const slack90k = ticksPerSecond / 20;
/** A clip, not a half: the cut reads all its segments into memory. */
const lengthMax90k = 600 * ticksPerSecond;

/**
 * What can be cut at all.
 *
 * @param media where the run has media; undefined: nowhere
 * @param gaps stretches in it without
 * @throws TouchlineError `edit.invalid` naming what is wrong, the value, and what would be right
 */
export function checkRange(
  { in90k, out90k }: Range90k,
  media: { start90k: number; end90k: number } | undefined,
  gaps: readonly { start90k: number; end90k: number }[],
): void {
  if (!media) throw invalid('there is no media of this run yet: wait for its first segment');
  const length90k = out90k - in90k;
  if (length90k < lengthMin90k) {
    throw invalid(`the clip would last ${seconds(length90k)}: out has to be at least 0.5 s behind in`);
  }
  if (length90k > lengthMax90k) {
    throw invalid(`the clip would last ${seconds(length90k)}: 600 s are the most; make two`);
  }
  if (in90k < media.start90k - slack90k || out90k > media.end90k + slack90k) {
    throw invalid(
      `the clip from ${seconds(in90k)} to ${seconds(out90k)} leaves what was recorded (${seconds(media.start90k)} to ${seconds(media.end90k)})`,
    );
  }
  for (const { start90k, end90k } of gaps) {
    const isIn = in90k >= start90k && in90k < end90k;
    const isOut = out90k > start90k && out90k <= end90k;
    if (!isIn && !isOut) continue;
    throw invalid(
      `${isIn ? 'in' : 'out'} lies where nothing was recorded (${seconds(start90k)} to ${seconds(end90k)}): move it out of the gap`,
    );
  }
}

function seconds(ticks: number): string {
  return `${(ticks / ticksPerSecond).toFixed(2)} s`;
}

function invalid(message: string): TouchlineError {
  return new TouchlineError({ code: 'edit.invalid', message, retryable: false, blame: 'caller' });
}
