import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { CanvasStage } from '../../timeline/canvas-stage.ts';
import {
  fit,
  fitTo,
  grow,
  makeView,
  pan,
  type TimeView,
  timeAt,
  xOf,
  zoomAt,
} from '../../timeline/time-view.ts';
import { timeLabel } from '../../timeline/ticks.ts';
import { watchPointer } from '../../timeline/pointer.ts';
import { type FrameClock, frameAtMs, frameLabel, msOfFrame, nearestFrame } from './frame-clock.ts';
import { paintStrip, type StripScene } from './strip-paint.ts';
import { TrimHandle } from './trim-handle.tsx';
import type { Trim } from './trim.ts';

export interface TrimStripProps extends Omit<StripScene, 'inMs' | 'outMs' | 'labelOf' | 'playheadMs'> {
  /** "Context", "Clip": what is in view, and whether it can be zoomed. */
  name: string;
  isWhole: boolean;
  clock: FrameClock;
  trim: Trim;
  playheadFrame: number;
  isReadOnly: boolean;
  onSeek: (frame: number) => void;
  /** `isDone`: let go of. */
  onTrim: (end: 'in' | 'out', frame: number, isDone: boolean) => void;
  onView?: (range: { fromMs: number; toMs: number }) => void;
}

/** Sound and excitement of the file, with a handle at either end of the clip. */
export function TrimStrip(props: TrimStripProps) {
  const { name, isWhole, clock, trim } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<CanvasStage | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const bounds = { fromMs: clock.startMs, toMs: msOfFrame(clock, clock.frameCount) };
  const view = useSignal<TimeView>(makeView(bounds, 1));
  const isPlaced = useRef(false);

  const clipMs = ({ clock, trim }: TrimStripProps) => ({
    fromMs: msOfFrame(clock, trim.inFrame),
    toMs: msOfFrame(clock, trim.outFrame),
  });
  const show = (next: TimeView) => {
    view.value = next;
    latest.current.onView?.({ fromMs: next.fromMs, toMs: next.toMs });
  };

  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const made = new CanvasStage(element, {
      draw: (pen, palette) => {
        const now = latest.current;
        const { fromMs: inMs, toMs: outMs } = clipMs(now);
        const playheadMs = msOfFrame(now.clock, now.playheadFrame);
        paintStrip(pen, palette, view.peek(), element.clientHeight, {
          ...now,
          inMs,
          outMs,
          labelOf: timeLabel,
          playheadMs,
        });
      },
      onWidth: (widthPx) => {
        const grown = grow(view.peek(), view.peek().bounds, widthPx);
        if (isPlaced.current || isWhole) return show(isWhole ? fit(grown) : grown);
        isPlaced.current = true;
        return show(fitTo(grown, clipMs(latest.current)));
      },
    });
    stage.current = made;
    const stop = watchPointer(element, {
      grip: () => ({ clipping: true, onThreshold: false }),
      onDeed: (deed) => {
        // A press and a drag both scrub: the picture goes with the hand.
        if (deed.do === 'pan' && !isWhole) show(pan(view.peek(), deed.byPx));
        if (deed.do === 'zoom' && !isWhole) show(pan(zoomAt(view.peek(), deed.xPx, deed.factor), deed.byPx));
      },
      onHover: () => {},
      onDoubleClick: () => {},
    });
    const scrub = (event: PointerEvent) => {
      if ((event.buttons & 1) === 0) return;
      const atMs = timeAt(view.peek(), event.clientX - element.getBoundingClientRect().left);
      const { clock, onSeek } = latest.current;
      onSeek(Math.max(0, Math.min(clock.frameCount - 1, frameAtMs(clock, atMs))));
    };
    element.addEventListener('pointerdown', scrub);
    element.addEventListener('pointermove', scrub);
    return () => {
      stop();
      made.dispose();
      element.removeEventListener('pointerdown', scrub);
      element.removeEventListener('pointermove', scrub);
    };
    // The closures read what is newest through refs and signals.
  }, [clock]);

  useEffect(() => stage.current?.redraw());
  useEffect(() => view.subscribe(() => stage.current?.redraw()), [view]);

  const frameAtX = (clientX: number) => {
    const left = canvas.current?.getBoundingClientRect().left ?? 0;
    return nearestFrame(clock, timeAt(view.peek(), clientX - left));
  };
  const handle = (end: 'in' | 'out') => {
    const frame = end === 'in' ? trim.inFrame : trim.outFrame;
    return (
      <TrimHandle
        end={end}
        xPx={xOf(view.value, msOfFrame(clock, frame))}
        isShown={
          xOf(view.value, msOfFrame(clock, frame)) >= -2 &&
          xOf(view.value, msOfFrame(clock, frame)) <= view.value.widthPx + 2
        }
        frame={frame}
        frameCount={clock.frameCount}
        said={frameLabel(clock, end === 'in' ? frame : frame - 1)}
        stepLarge={Math.round(clock.rate.num / clock.rate.den)}
        frameAtX={frameAtX}
        onTrim={(to, isDone) => props.onTrim(end, to, isDone)}
      />
    );
  };
  return (
    <div class={`trim-strip ${isWhole ? 'whole' : 'close'}`}>
      <canvas ref={canvas} role="img" aria-label={`${name}: sound and excitement over time`} />
      {!props.isReadOnly && handle('in')}
      {!props.isReadOnly && handle('out')}
      {!isWhole && (
        <div class="strip-tools">
          <button
            type="button"
            class="quiet"
            aria-label="Zoom in"
            onClick={() =>
              show(zoomAt(view.peek(), xOf(view.peek(), msOfFrame(clock, props.playheadFrame)), 0.5))
            }
          >
            +
          </button>
          <button
            type="button"
            class="quiet"
            aria-label="Zoom out"
            onClick={() => show(zoomAt(view.peek(), view.peek().widthPx / 2, 2))}
          >
            −
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => show(fitTo(view.peek(), clipMs(latest.current)))}
          >
            Fit
          </button>
        </div>
      )}
    </div>
  );
}
