/** How sure one is that a moment is worth a clip, in three steps: what an editor looks at first. */
export type Lane = 'must' | 'likely' | 'maybe';

/**
 * Where each begins. A moment that the rules let through has at least 0.5 (0.35 without sound); with board and crowd agreeing a
 * goal has 0.9 and more.
 */
export const laneFrom: Readonly<Record<Lane, number>> = { must: 0.8, likely: 0.6, maybe: 0 };

export function laneOf(score: number): Lane {
  if (score >= laneFrom.must) return 'must';
  return score >= laneFrom.likely ? 'likely' : 'maybe';
}
