import { valueAt } from './curve.ts';
import { stepMoment } from './hit-areas.ts';
import type { TimelineData, TimelineMoment } from './timeline-data.ts';
import { fit, fitTo, spanMsOf, type TimeView, xOf, zoomAt } from './time-view.ts';

interface Standing {
  data: TimelineData;
  playheadMs: number | undefined;
  selectedId: string | undefined;
  view: TimeView;
  stretch: { fromMs: number; toMs: number } | undefined;
  onClip?: unknown;
}

interface Wish {
  view?: TimeView;
  seekMs?: number;
  moment?: TimelineMoment;
  /** Opened in its editor rather than selected. */
  isOpened?: boolean;
  stretch?: Standing['stretch'];
  clip?: { inMs: number; outMs: number };
}

interface Pressed {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/**
 * What a key does while the timeline has the focus; undefined = not ours. `C` begins a clip at the playhead, arrows draw it
 * out, `Enter` (or `C` again) makes it, `Escape` drops it.
 */
export function timelineKey(event: Pressed, standing: Standing): Wish | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const { data, view, stretch, selectedId } = standing;
  const atMs = standing.playheadMs ?? data.toMs;
  const to = (wantedMs: number): Wish => {
    const seekMs = Math.max(data.fromMs, Math.min(data.toMs, wantedMs));
    return stretch ? { seekMs, stretch: drawnOut(stretch, atMs, seekMs) } : { seekMs };
  };
  // A hundredth of what is seen, whole seconds where that is coarser than one.
  const stepMs = Math.max(200, Math.round(spanMsOf(view) / 100 / 1000) * 1000) * (event.shiftKey ? 10 : 1);
  switch (event.key) {
    case 'ArrowLeft':
      return to(atMs - stepMs);
    case 'ArrowRight':
      return to(atMs + stepMs);
    case 'Home':
      return to(data.fromMs);
    case 'End':
      return to(data.toMs);
    case 'PageDown':
    case 'PageUp': {
      const moment = stepMoment(data.moments, standingAt(standing, atMs), event.key === 'PageDown' ? 1 : -1);
      return moment ? { moment } : {};
    }
    case '+':
    case '=':
      return { view: zoomAt(view, xOf(view, atMs), 0.5) };
    case '-':
      return { view: zoomAt(view, xOf(view, atMs), 2) };
    case 'z': {
      const moment = data.moments.find(({ id }) => id === selectedId);
      return { view: moment ? fitTo(view, { fromMs: moment.inMs, toMs: moment.outMs }) : fit(view) };
    }
    case 'c':
      if (!standing.onClip) return undefined;
      return stretch ? { clip: clipOf(stretch) } : { stretch: { fromMs: atMs, toMs: atMs } };
    case 'Enter': {
      if (stretch) return { clip: clipOf(stretch) };
      const moment = data.moments.find(({ id }) => id === selectedId);
      return moment ? { moment, isOpened: true } : undefined;
    }
    case 'Escape':
      return stretch ? { stretch: undefined } : undefined;
    default:
      return undefined;
  }
}

/** Of two moments that lie under the playhead the selected one is where we are. */
function standingAt({ data, selectedId }: Standing, atMs: number): number {
  return data.moments.find(({ id }) => id === selectedId)?.inMs ?? atMs;
}

/** The end that lies at the playhead goes with it; the other stays. */
function drawnOut(
  stretch: { fromMs: number; toMs: number },
  headMs: number,
  toMs: number,
): { fromMs: number; toMs: number } {
  const fixedMs = headMs === stretch.fromMs && stretch.toMs !== headMs ? stretch.toMs : stretch.fromMs;
  return { fromMs: Math.min(fixedMs, toMs), toMs: Math.max(fixedMs, toMs) };
}

function clipOf({ fromMs, toMs }: { fromMs: number; toMs: number }): { inMs: number; outMs: number } {
  return { inMs: Math.round(fromMs), outMs: Math.round(toMs) };
}

/** For whoever hears the page: "12:30, excitement 0.84, goal approved". */
export function sayAt(data: TimelineData, atMs: number, labelOf: (atMs: number) => string): string {
  const said = [labelOf(atMs)];
  const excitement = valueAt(data.curve, atMs);
  if (excitement !== undefined) said.push(`excitement ${excitement.toFixed(2)}`);
  for (const { inMs, outMs, label, tone } of data.moments)
    if (inMs <= atMs && atMs < outMs) said.push(`${label} ${tone}`);
  if (data.gaps.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)) said.push('no media');
  return said.join(', ');
}
