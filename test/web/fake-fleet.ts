import { nothingWaits } from '../../core/load.ts';
import type { FleetDesk } from '../../control/open-fleet-desk.ts';

/** A fleet of nobody, for tests that look at other things. */
export function noFleet(): FleetDesk {
  return {
    registry: {
      take: nothing,
      list: async () => [],
      noteMachines: nothing,
      bootMsP95: async () => undefined,
    },
    load: { read: nothing, readBacklog: async () => nothingWaits },
    records: {
      recent: async () => [],
      add: nothing,
      list: async () => ({ decisions: [], next: null }),
      last: async () => undefined,
      actionCounts: async () => [],
      overrides: async () => ({ isInPaused: false, isOutPaused: false }),
      setOverrides: nothing,
      hold: nothing,
      release: nothing,
    },
    schedule: { add: nothing, list: async () => [], cancel: nothing, importCalendar: nothing },
  };
}

async function nothing(): Promise<never> {
  throw new Error('this test has no fleet');
}
