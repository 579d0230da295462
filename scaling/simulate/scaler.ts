import type { LoadView } from '../../core/load.ts';
import type { World } from './world.ts';

/** Somebody who watches a world and changes its fleet: our controller, or one of the baselines. */
export interface Scaler {
  name: string;
  everySeconds: number;
  dispatch: World['options']['dispatch'];
  /** Begins with an empty memory, except for what it has written down: called again after a crash. */
  start(world: World, view: WorldView): () => Promise<StepOutcome> | StepOutcome;
}

/** True when it changed the fleet. */
export type StepOutcome = boolean;

/** What of a world can be seen, and whether its service answers: faults are behind it. */
export interface WorldView {
  /** Ms since 1970: the figures are of then. */
  load: () => LoadView;
  /** The service turns a call away. */
  isThrottled: () => boolean;
}
