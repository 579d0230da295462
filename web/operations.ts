import { Hono } from 'hono';

import { readFleetMetrics } from '../control/fleet-metrics.ts';
import type { MatchDesk } from '../control/match-desk.ts';
import type { FleetDesk } from '../control/open-fleet-desk.ts';
import type { Clock } from '../core/clock.ts';
import { needs, type Access } from './access.ts';
import type { WebEnv } from './web-env.ts';
import { prometheusText } from './prometheus.ts';

/** What a machine asks: does it live, may it get work, how is it doing. */
export function operationRoutes(options: {
  desk: MatchDesk;
  fleet: FleetDesk;
  clock: Clock;
  access: Access;
  version: string;
  /** Aborted as soon as the end was asked for: no new work, please. */
  stopping: AbortSignal;
}): Hono<WebEnv> {
  const { desk, fleet, clock, access, version, stopping } = options;
  return (
    new Hono<WebEnv>()
      // The process alone: a database that is away must not make an orchestrator restart us.
      .get('/livez', (context) => context.json({ ok: true, version }))
      .get('/readyz', async (context) => {
        const checks = stopping.aborted ? [] : await desk.readiness();
        const ok = !stopping.aborted && checks.every(({ isOk }) => isOk);
        const failing = checks.filter(({ isOk }) => !isOk).map(({ name }) => name);
        // Messages name paths and addresses: those are for whoever is signed in.
        const isVerbose =
          context.req.query('verbose') !== undefined && (await access.asker(context)) !== undefined;
        return context.json(
          { ok, stopping: stopping.aborted, failing, ...(isVerbose ? { checks } : {}) },
          ok ? 200 : 503,
        );
      })
      .get('/metrics', access.require, needs('read'), async (context) => {
        const build = {
          name: 'touchline_build_info',
          help: 'Always 1; the version is in the label.',
          type: 'gauge' as const,
          samples: [{ labels: { version }, value: 1 }],
        };
        const families = [build, ...(await desk.metrics()), ...(await readFleetMetrics(fleet, clock))];
        return context.text(prometheusText(families), 200, {
          'content-type': 'text/plain; version=0.0.4; charset=utf-8',
        });
      })
  );
}
