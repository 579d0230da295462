/** What was, what is, and what was taken back. */
export interface UndoStack<T> {
  past: readonly T[];
  now: T;
  future: readonly T[];
  /** What the newest change was about: a drag is one step, however many places it went through. */
  about: string | undefined;
}

/** An evening of trimming one clip is less. */
const stepsMax = 200;

export function undoStackOf<T>(now: T): UndoStack<T> {
  return { past: [], now, future: [], about: undefined };
}

/** `about`: a change about the same thing as the one before is put together with it, until `settled`. */
export function changed<T>(stack: UndoStack<T>, now: T, about?: string): UndoStack<T> {
  if (isSame(now, stack.now)) return stack;
  const isSameStep = about !== undefined && about === stack.about && stack.past.length > 0;
  const past = isSameStep ? stack.past : [...stack.past, stack.now].slice(-stepsMax);
  return { past, now, future: [], about };
}

/** The hand let go: the next change is a step of its own. */
export function settled<T>(stack: UndoStack<T>): UndoStack<T> {
  return { ...stack, about: undefined };
}

export function undone<T>({ past, now, future }: UndoStack<T>): UndoStack<T> {
  const before = past.at(-1);
  if (before === undefined) return { past, now, future, about: undefined };
  return { past: past.slice(0, -1), now: before, future: [now, ...future], about: undefined };
}

export function redone<T>({ past, now, future }: UndoStack<T>): UndoStack<T> {
  const [next, ...rest] = future;
  if (next === undefined) return { past, now, future, about: undefined };
  return { past: [...past, now], now: next, future: rest, about: undefined };
}

/** Plain data, written in the same order. */
export function isSame<T>(a: T, b: T): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
