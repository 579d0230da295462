import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import { CanvasStage, setHeight } from './canvas-stage.ts';
import { peakNear } from './curve.ts';
import type { Deed, Point } from './gesture.ts';
import { boxesOf, hit, hitPxMin, rowsOf } from './hit-areas.ts';
import { HoverCard, type Hover } from './hover-card.tsx';
import { isIn, lanesOf, rowAtY, valueAtY, yOfValue } from './lanes.ts';
import { paint, type Scene } from './paint.ts';
import { watchPointer } from './pointer.ts';
import { StillCache } from './still-cache.ts';
import { sayAt, timelineKey } from './timeline-keys.ts';
import { MomentWords } from './moment-words.tsx';
import type { TimelineMoment } from './timeline-data.ts';
import { fit, fitTo, grow, makeView, pan, reveal, spanMsOf, timeAt, zoomAt } from './time-view.ts';
import './timeline.css';

/** Shorter than this nobody meant a clip. */
const clipMsMin = 1_000;

export interface TimelineProps extends Omit<Scene, 'stretch'> {
  isCompact: boolean;
  /** Where the picture goes. */
  onSeek: (atMs: number) => void;
  onMoment: (moment: TimelineMoment, how: 'select' | 'open') => void;
  /** Absent for those who may not clip. */
  onClip?: ((stretch: { inMs: number; outMs: number }) => void) | undefined;
  /** `isDone`: let go of. */
  onThreshold?: (value: number, isDone: boolean) => void;
  /** What is in view, once it has come to rest. */
  onView?: (range: { fromMs: number; toMs: number }) => void;
}

/** A zoom is many small steps; nobody needs finer data for each. */
const restMs = 200;

/** The one timeline of a run: excitement, pictures, moments, gaps. Everything that a pointer does a key does too. */
export function Timeline(props: TimelineProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const { data, isCompact } = props;
  const rowCount = rowsOf(data.moments).count;
  const lanes = useMemo(() => lanesOf(isCompact, rowCount), [isCompact, rowCount]);
  const view = useSignal(makeView({ fromMs: data.fromMs, toMs: data.toMs }, 1));
  const hover = useSignal<Hover | undefined>(undefined);
  const stretch = useSignal<Scene['stretch']>(undefined);
  const isPen = useSignal(false);
  const stage = useRef<CanvasStage | undefined>(undefined);
  const stills = useMemo(() => new StillCache(() => stage.current?.redraw()), []);

  view.value = boundsChanged(view.peek(), data);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    setHeight(element, lanes);
    const made = new CanvasStage(element, {
      draw: (pen, palette) => {
        const scene: Scene = { ...latest.current, stretch: stretch.peek() };
        paint({ pen, view: view.peek(), lanes, palette }, scene, stills, hover.peek()?.xPx);
      },
      onWidth: (widthPx) => (view.value = grow(view.peek(), view.peek().bounds, widthPx)),
    });
    stage.current = made;
    const stopPointer = watchPointer(element, {
      grip: ({ yPx }, event) => ({
        clipping: Boolean(latest.current.onClip) && (event.shiftKey || isPen.peek()),
        onThreshold: isOnThreshold(yPx),
      }),
      onDeed: act,
      onHover: (at) => {
        element.style.cursor = at === undefined ? '' : cursorAt(at);
        hover.value = at && { xPx: at.xPx, atMs: timeAt(view.peek(), at.xPx), moment: momentAt(at) };
      },
      onDoubleClick: (at) => onDoubleClick(at),
    });
    return () => {
      stopPointer();
      made.dispose();
    };
    // The closures read what is newest through refs and signals.
  }, [lanes]);

  useEffect(() => stage.current?.redraw());
  useEffect(() => {
    const stop = [view, hover, stretch].map((one) => one.subscribe(() => stage.current?.redraw()));
    return () => stop.forEach((end) => end());
  }, [view, hover, stretch]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = view.subscribe(({ fromMs, toMs }) => {
      clearTimeout(timer);
      timer = setTimeout(() => latest.current.onView?.({ fromMs, toMs }), restMs);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [view]);

  function isOnThreshold(yPx: number): boolean {
    const { threshold, onThreshold } = latest.current;
    if (threshold === undefined || !onThreshold) return false;
    return Math.abs(yPx - yOfValue(lanes.curve, threshold)) <= hitPxMin / 2;
  }

  function cursorAt(at: Point): string {
    if (isPen.peek()) return 'crosshair';
    if (isOnThreshold(at.yPx)) return 'ns-resize';
    return momentAt(at) ? 'pointer' : 'grab';
  }

  function momentAt(at: Point): TimelineMoment | undefined {
    if (!isIn(lanes.moments, at.yPx)) return undefined;
    const boxes = boxesOf(view.peek(), latest.current.data.moments);
    const row = rowAtY(lanes.moments, at.yPx);
    return hit(
      boxes.filter((box) => box.row === row),
      at.xPx,
    );
  }

  function act(deed: Deed): void {
    const { onSeek, onMoment, onThreshold } = latest.current;
    switch (deed.do) {
      case 'click': {
        const moment = momentAt(deed);
        if (moment) onMoment(moment, 'select');
        else onSeek(clampTime(timeAt(view.peek(), deed.xPx)));
        return;
      }
      case 'pan':
        view.value = pan(view.peek(), deed.byPx);
        return;
      case 'zoom':
        view.value = pan(zoomAt(view.peek(), deed.xPx, deed.factor), deed.byPx);
        return;
      case 'threshold':
        onThreshold?.(valueAtY(lanes.curve, deed.yPx), deed.isDone);
        return;
      case 'stretch': {
        const [inMs, outMs] = [deed.fromXPx, deed.toXPx].map((x) => clampTime(timeAt(view.peek(), x))) as [
          number,
          number,
        ];
        if (deed.isDone) finishStretch(inMs, outMs);
        else stretch.value = { fromMs: inMs, toMs: outMs };
      }
    }
  }

  function finishStretch(inMs: number, outMs: number): void {
    stretch.value = undefined;
    isPen.value = false;
    if (outMs - inMs >= clipMsMin)
      latest.current.onClip?.({ inMs: Math.round(inMs), outMs: Math.round(outMs) });
  }

  /** On a moment: to its editor. On the curve: a clip around the peak that is meant. */
  function onDoubleClick(at: Point): void {
    const moment = momentAt(at);
    if (moment) return latest.current.onMoment(moment, 'open');
    if (!isIn(lanes.curve, at.yPx)) return undefined;
    const { data, onClip } = latest.current;
    const peakMs = peakNear(
      data.curve,
      timeAt(view.peek(), at.xPx),
      (spanMsOf(view.peek()) / view.peek().widthPx) * 24,
    );
    if (peakMs !== undefined)
      onClip?.({ inMs: clampTime(peakMs - 10_000), outMs: clampTime(peakMs + 6_000) });
    return undefined;
  }

  function clampTime(atMs: number): number {
    const { fromMs, toMs } = latest.current.data;
    return Math.max(fromMs, Math.min(toMs, atMs));
  }

  function onKeyDown(event: KeyboardEvent): void {
    const wish = timelineKey(event, { ...latest.current, view: view.peek(), stretch: stretch.peek() });
    if (!wish) return;
    event.preventDefault();
    event.stopPropagation();
    // What the pointer was on lies elsewhere now.
    hover.value = undefined;
    if (wish.view) view.value = wish.view;
    if ('stretch' in wish) stretch.value = wish.stretch;
    if (wish.clip) finishStretch(wish.clip.inMs, wish.clip.outMs);
    if (wish.moment) latest.current.onMoment(wish.moment, wish.isOpened ? 'open' : 'select');
    if (wish.seekMs !== undefined) {
      view.value = reveal(view.peek(), wish.seekMs);
      latest.current.onSeek(wish.seekMs);
    }
  }

  const selected = data.moments.find(({ id }) => id === props.selectedId);
  const zoomBy = (factor: number) => (view.value = zoomAt(view.peek(), view.peek().widthPx / 2, factor));
  return (
    <section class="timeline" aria-label="Timeline">
      <div class="timeline-tools">
        <button type="button" class="quiet" aria-label="Zoom in" onClick={() => zoomBy(0.5)}>
          +
        </button>
        <button type="button" class="quiet" aria-label="Zoom out" onClick={() => zoomBy(2)}>
          −
        </button>
        <button type="button" class="quiet" onClick={() => (view.value = fit(view.peek()))}>
          All
        </button>
        {selected && (
          <button
            type="button"
            class="quiet"
            onClick={() => (view.value = fitTo(view.peek(), { fromMs: selected.inMs, toMs: selected.outMs }))}
          >
            To the moment
          </button>
        )}
        {props.onClip && (
          <button type="button" aria-pressed={isPen.value} onClick={() => (isPen.value = !isPen.value)}>
            {isPen.value ? 'Drag across the timeline' : 'New clip'}
          </button>
        )}
      </div>
      <div class="timeline-stage">
        <canvas
          ref={canvas}
          tabIndex={0}
          role="slider"
          aria-label="Time"
          aria-valuemin={Math.round(data.fromMs / 1000)}
          aria-valuemax={Math.round(data.toMs / 1000)}
          aria-valuenow={Math.round((props.playheadMs ?? data.toMs) / 1000)}
          aria-valuetext={sayAt(data, props.playheadMs ?? data.toMs, props.labelOf)}
          aria-keyshortcuts="ArrowLeft ArrowRight PageUp PageDown Home End Enter Plus Minus C"
          onKeyDown={onKeyDown}
        />
        {hover.value && (
          <HoverCard
            hover={hover.value}
            widthPx={view.value.widthPx}
            data={data}
            stillUrl={props.stillUrlAt(hover.value.atMs)}
            labelOf={props.labelOf}
          />
        )}
      </div>
      <MomentWords data={data} labelOf={props.labelOf} />
    </section>
  );
}

function boundsChanged(
  view: ReturnType<typeof makeView>,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): ReturnType<typeof makeView> {
  if (view.bounds.fromMs === fromMs && view.bounds.toMs === toMs) return view;
  return grow(view, { fromMs, toMs });
}
