import { z } from 'zod';

import type { FleetDesk } from '../../control/open-fleet-desk.ts';
import { backlogPerInstance, loadByInstance } from '../../control/worker-registry.ts';
import { ApiRoutes } from './api-route.ts';
import { cursor, limit } from './parse.ts';
import { actor } from './schemas/actor.ts';

/** How many machines there are, why, and the operator's word about it. */
export function scalingRoutes({
  fleet,
  fixedWorkerCount,
}: {
  fleet: FleetDesk;
  fixedWorkerCount: number | null;
}): ApiRoutes {
  const { records, registry, load } = fleet;
  return new ApiRoutes('scaling')
    .add(
      {
        method: 'get',
        path: '/',
        scope: 'read',
        summary: 'The fleet now: workers, backlog for each machine, the last decision',
        answer: z.looseObject({}),
      },
      async () => {
        const workers = await registry.list();
        const backlog = await load.readBacklog(workers);
        return {
          workers,
          instances: loadByInstance(workers),
          backlog,
          backlogPerInstance: backlogPerInstance(backlog, workers) ?? null,
          overrides: await records.overrides(),
          bootMsP95: (await registry.bootMsP95()) ?? null,
          last: (await records.last()) ?? null,
          fixedWorkerCount,
        };
      },
    )
    .add(
      {
        method: 'get',
        path: '/decisions',
        scope: 'read',
        summary: 'What was decided about the fleet, and why, newest first',
        query: decisionQuery,
        answer: z.object({ decisions: z.array(decisionBody), next: z.string().nullable() }),
      },
      async ({ query: { cursor, until, changes, limit } }) => {
        const untilMs = until === undefined ? undefined : Date.parse(until);
        return await records.list({ limit, cursor, untilMs, hasSnapshot: changes });
      },
    )
    .add(
      {
        method: 'put',
        path: '/overrides',
        scope: 'operate',
        summary: 'Pin the number of machines, or pause scaling in or out',
        body: overridesWish,
        answer: overridesBody,
      },
      async ({ principal, body: { pin, isInPaused, isOutPaused } }) => {
        const before = await records.overrides();
        await records.setOverrides({
          pin:
            pin === undefined
              ? before.pin
              : pin === null
                ? undefined
                : { count: pin.count, untilMs: Date.parse(pin.until) },
          isInPaused: isInPaused ?? before.isInPaused,
          isOutPaused: isOutPaused ?? before.isOutPaused,
          changedBy: principal,
        });
        return await records.overrides();
      },
    );
}

const decisionBody = z
  .object({
    id: z.int(),
    atMs: z.int(),
    provider: z.string(),
    neededCount: z.int(),
    desiredCount: z.int(),
    /** One sentence. */
    reason: z.string(),
    decision: z.unknown(),
    outcomes: z.unknown(),
    /** Every input; null where nothing had changed since the last one that has it. */
    snapshot: z.unknown(),
  })
  .meta({ id: 'ScalingDecision' });

const overridesBody = z.object({
  pin: z.object({ count: z.int(), untilMs: z.int() }).optional(),
  isInPaused: z.boolean(),
  isOutPaused: z.boolean(),
  changedBy: actor.optional(),
});

const instant = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-28T15:00:00Z' });

const decisionQuery = z.strictObject({
  cursor: cursor.optional(),
  /** Made then or before. */
  until: instant.optional(),
  /** Only those at which something changed; they have every input. */
  changes: z
    .enum(['0', '1'])
    .transform((text) => text === '1')
    .optional(),
  limit,
});

/** What is left out stays as it was; `pin: null` takes the pin away. */
const overridesWish = z.strictObject({
  pin: z
    .strictObject({
      count: z.int().min(0).max(10_000),
      until: instant,
    })
    .nullable()
    .optional(),
  isInPaused: z.boolean().optional(),
  isOutPaused: z.boolean().optional(),
});
