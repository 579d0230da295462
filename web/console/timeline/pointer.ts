import { type Deed, type Gesture, move, pinch, type Point, press, release } from './gesture.ts';

export interface PointerHost {
  /** What a press at this place takes hold of. */
  grip(at: Point, event: PointerEvent): { clipping: boolean; onThreshold: boolean };
  onDeed(deed: Deed): void;
  onHover(at: Point | undefined): void;
  onDoubleClick(at: Point): void;
}

/** Turns the pointer's events on `canvas` into deeds, until the returned function is called. Captured: a hand may leave it. */
export function watchPointer(canvas: HTMLCanvasElement, host: PointerHost): () => void {
  let gesture: Gesture = { mode: 'idle' };
  const touching = new Map<number, Point>();
  const stop = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(
    kind: K,
    act: (event: HTMLElementEventMap[K]) => void,
    isPassive = true,
  ) => canvas.addEventListener(kind, act, { signal: stop.signal, passive: isPassive });

  const take = ([next, deed]: [Gesture, Deed?]) => {
    gesture = next;
    if (deed) host.onDeed(deed);
  };
  const twoFingers = () => [...touching.values()] as [Point, Point];

  on('pointerdown', (event) => {
    if (event.button !== 0) return;
    const at = pointOf(canvas, event);
    touching.set(event.pointerId, at);
    canvas.setPointerCapture(event.pointerId);
    if (touching.size === 2) take(pinch({ mode: 'idle' }, ...twoFingers()));
    else if (touching.size === 1) gesture = press(at, host.grip(at, event));
  });
  on('pointermove', (event) => {
    const at = pointOf(canvas, event);
    if (!touching.has(event.pointerId)) return host.onHover(event.pointerType === 'touch' ? undefined : at);
    touching.set(event.pointerId, at);
    take(touching.size === 2 ? pinch(gesture, ...twoFingers()) : move(gesture, at));
    host.onHover(gesture.mode === 'panning' || gesture.mode === 'pinching' ? undefined : at);
  });
  const end = (event: PointerEvent) => {
    if (!touching.delete(event.pointerId)) return;
    const at = pointOf(canvas, event);
    if (event.type === 'pointerup' && touching.size === 0) take(release(gesture, at));
    else gesture = { mode: 'idle' };
    if (event.pointerType === 'touch') host.onHover(undefined);
  };
  on('pointerup', end);
  on('pointercancel', end);
  on('pointerleave', () => host.onHover(undefined));
  on('dblclick', (event) => host.onDoubleClick(pointOf(canvas, event)));
  on(
    'wheel',
    (event) => {
      event.preventDefault();
      const at = pointOf(canvas, event);
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      if (isSideways) host.onDeed({ do: 'pan', byPx: -(event.deltaX || event.deltaY) });
      // A notch of a wheel is 100 or 120; a touch pad sends small ones.
      else host.onDeed({ do: 'zoom', xPx: at.xPx, factor: Math.exp(event.deltaY * 0.0018), byPx: 0 });
    },
    false,
  );
  return () => stop.abort();
}

function pointOf(canvas: HTMLCanvasElement, event: MouseEvent): Point {
  const box = canvas.getBoundingClientRect();
  return { xPx: event.clientX - box.left, yPx: event.clientY - box.top };
}
