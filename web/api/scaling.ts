import { Hono } from 'hono';
import { z } from 'zod';

import type { FleetDesk } from '../../control/open-fleet-desk.ts';
import { backlogPerInstance, loadByInstance } from '../../control/worker-registry.ts';
import { limit, parseBody, parseQuery } from './parse.ts';

/** How many machines there are, why, and the operator's word about it. */
export function scalingRoutes({ fleet }: { fleet: FleetDesk }): Hono {
  const { records, registry, load } = fleet;
  return new Hono()
    .get('/', async (context) => {
      const [last] = await records.list({ limit: 1 });
      const [changed] = await records.list({ limit: 1, hasSnapshot: true });
      const workers = await registry.list();
      const backlog = await load.readBacklog(workers);
      return context.json({
        workers,
        instances: loadByInstance(workers),
        backlog,
        backlogPerInstance: backlogPerInstance(backlog, workers) ?? null,
        overrides: await records.overrides(),
        bootMsP95: (await registry.bootMsP95()) ?? null,
        last: last ?? null,
        lastChange: changed ?? null,
      });
    })
    .get('/decisions', async (context) => {
      const { beforeId, until, changes, limit } = parseQuery(context, decisionQuery);
      const untilMs = until === undefined ? undefined : Date.parse(until);
      const decisions = await records.list({ limit, beforeId, untilMs, hasSnapshot: changes });
      const next = decisions.length === limit ? (decisions.at(-1)?.id ?? null) : null;
      return context.json({ decisions, next });
    })
    .put('/overrides', async (context) => {
      const { pin, isInPaused, isOutPaused } = await parseBody(context, overridesWish);
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
      });
      return context.json(await records.overrides());
    });
}

const instant = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-28T15:00:00Z' });

const decisionQuery = z.strictObject({
  beforeId: z.coerce.number().int().min(1).optional(),
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
