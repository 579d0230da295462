import type { Principal } from '../control/principal.ts';

/** What the guards leave in the context for the routes behind them. */
export interface WebEnv {
  Variables: {
    principal: Principal;
    /** The same request came at this time, and its server died before it had answered: it may have been done. */
    unsureSinceMs?: number;
  };
}
