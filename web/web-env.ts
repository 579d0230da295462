import type { Principal } from '../control/principal.ts';

/** What the guards leave in the context for the routes behind them. */
export interface WebEnv {
  Variables: { principal: Principal };
}
