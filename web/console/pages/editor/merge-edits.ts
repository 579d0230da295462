import { isSame } from './undo-stack.ts';

/**
 * Somebody saved while I was at it. What only one of us changed has one answer; `disputed` is what both changed, and differently:
 * a person decides about it.
 */
export interface Merge<T> {
  merged: T;
  theirs: readonly (keyof T)[];
  disputed: readonly (keyof T)[];
}

export function mergeEdits<T extends object>(base: T, mine: T, theirs: T): Merge<T> {
  const merged = { ...theirs };
  const changedByThem: (keyof T)[] = [];
  const disputed: (keyof T)[] = [];
  for (const field of Object.keys(theirs) as (keyof T)[]) {
    const isMine = !isSame(mine[field], base[field]);
    const isTheirs = !isSame(theirs[field], base[field]);
    if (isTheirs) changedByThem.push(field);
    if (isMine && isTheirs && !isSame(mine[field], theirs[field])) disputed.push(field);
    if (isMine) merged[field] = mine[field];
  }
  return { merged, theirs: changedByThem, disputed };
}
