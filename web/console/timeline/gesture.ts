/**
 * What a pointer on the timeline is about. Modes:
 * - `idle`: nothing is held. A press leads to one of the others.
 * - `pressed`: held and not yet moved; let go of = a click. Beyond `slopPx` it becomes `panning`.
 * - `panning`: the paper follows the hand.
 * - `clipping`: Shift, the button "New clip", or the pen: a stretch grows between press and hand.
 * - `threshold`: the line is dragged.
 * - `pinching`: two fingers; ends when one is lifted.
 */
export type Gesture =
  | { mode: 'idle' }
  | { mode: 'pressed'; xPx: number; yPx: number }
  | { mode: 'panning'; xPx: number }
  | { mode: 'clipping'; fromXPx: number; toXPx: number }
  | { mode: 'threshold' }
  | { mode: 'pinching'; gapPx: number; middlePx: number };

/** What the timeline has to do about it. */
export type Deed =
  | { do: 'click'; xPx: number; yPx: number }
  | { do: 'pan'; byPx: number }
  | { do: 'zoom'; xPx: number; factor: number; byPx: number }
  | { do: 'threshold'; yPx: number; isDone: boolean }
  | { do: 'stretch'; fromXPx: number; toXPx: number; isDone: boolean };

export interface Point {
  xPx: number;
  yPx: number;
}

/** A hand trembles this much in a click. */
const slopPx = 4;

export function press(at: Point, is: { clipping: boolean; onThreshold: boolean }): Gesture {
  if (is.clipping) return { mode: 'clipping', fromXPx: at.xPx, toXPx: at.xPx };
  if (is.onThreshold) return { mode: 'threshold' };
  return { mode: 'pressed', ...at };
}

export function move(gesture: Gesture, at: Point): [Gesture, Deed?] {
  switch (gesture.mode) {
    case 'pressed':
      if (Math.abs(at.xPx - gesture.xPx) <= slopPx) return [gesture];
      return [
        { mode: 'panning', xPx: at.xPx },
        { do: 'pan', byPx: at.xPx - gesture.xPx },
      ];
    case 'panning':
      return [
        { mode: 'panning', xPx: at.xPx },
        { do: 'pan', byPx: at.xPx - gesture.xPx },
      ];
    case 'clipping':
      return [
        { ...gesture, toXPx: at.xPx },
        { do: 'stretch', ...ordered(gesture.fromXPx, at.xPx), isDone: false },
      ];
    case 'threshold':
      return [gesture, { do: 'threshold', yPx: at.yPx, isDone: false }];
    case 'idle':
    case 'pinching':
      return [gesture];
  }
}

export function release(gesture: Gesture, at: Point): [Gesture, Deed?] {
  const idle: Gesture = { mode: 'idle' };
  switch (gesture.mode) {
    case 'pressed':
      return [idle, { do: 'click', ...at }];
    case 'threshold':
      return [idle, { do: 'threshold', yPx: at.yPx, isDone: true }];
    case 'clipping': {
      const stretch = ordered(gesture.fromXPx, at.xPx);
      // Shift and a click is no clip.
      const isLong = stretch.toXPx - stretch.fromXPx > slopPx;
      return [idle, { do: 'stretch', ...stretch, isDone: isLong }];
    }
    case 'idle':
    case 'panning':
    case 'pinching':
      return [idle];
  }
}

/** Two fingers: how far apart, and where between them. */
export function pinch(gesture: Gesture, one: Point, other: Point): [Gesture, Deed?] {
  const gapPx = Math.max(20, Math.abs(one.xPx - other.xPx));
  const middlePx = (one.xPx + other.xPx) / 2;
  const next: Gesture = { mode: 'pinching', gapPx, middlePx };
  if (gesture.mode !== 'pinching') return [next];
  const byPx = middlePx - gesture.middlePx;
  return [next, { do: 'zoom', xPx: middlePx, factor: gesture.gapPx / gapPx, byPx }];
}

function ordered(a: number, b: number): { fromXPx: number; toXPx: number } {
  return { fromXPx: Math.min(a, b), toXPx: Math.max(a, b) };
}
