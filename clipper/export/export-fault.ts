import { TouchlineError } from '../../core/errors.ts';
import type { ExportClip, ExportTimeline } from '../../core/export-timeline.ts';
import type { FrameRate } from '../../core/media-time.ts';

export function notPossible(message: string): TouchlineError {
  return new TouchlineError({ code: 'export.not-possible', message, retryable: false, blame: 'caller' });
}

/** The one rate of all clips. @throws TouchlineError `export.not-possible` naming those that have another */
export function oneRate({ clips }: ExportTimeline, format: string): FrameRate {
  const [first] = clips;
  if (!first) throw notPossible('there is no clip to be exported');
  const odd = clips.filter(({ frameRate }) => !isSame(frameRate, first.frameRate));
  if (odd.length === 0) return first.frameRate;
  throw notPossible(
    `${format} holds one frame rate: ${first.clipId} has ${rateText(first)}, but ${listed(odd)}. Export them apart, or as OpenTimelineIO`,
  );
}

export function listed(clips: readonly ExportClip[]): string {
  const some = clips.slice(0, 5).map((clip) => `${clip.clipId} has ${rateText(clip)}`);
  return clips.length > 5 ? `${some.join(', ')} and ${clips.length - 5} more` : some.join(', ');
}

function rateText({ frameRate: { num, den } }: ExportClip): string {
  return `${Number((num / den).toFixed(3))} fps`;
}

function isSame(one: FrameRate, other: FrameRate): boolean {
  return one.num * other.den === other.num * one.den;
}
