import { setImmediate } from 'node:timers/promises';

import type { HandClock } from '../ingest/hand-clock.ts';

/** Lets `ms` go by in the steps in which the server looks at its limits, each with time for what it sets off. */
export async function advance(clock: HandClock, ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 100) {
    clock.advance(Math.min(100, leftMs));
    await setImmediate();
  }
}
