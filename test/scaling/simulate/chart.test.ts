import { expect, it } from 'vitest';

import { scalingPolicy } from '../../../scaling/policy.ts';
import { drawDays } from '../../../scaling/simulate/chart.ts';
import { scenarioOf, simulateDay } from '../../../scaling/simulate/simulate.ts';
import { touchlineScaler } from '../../../scaling/simulate/touchline-scaler.ts';
import { heavyWork } from '../../../scaling/simulate/trace.ts';

const hourMs = 3_600_000;
const broadcast = { startMs: hourMs, endMs: 2 * hourMs };

it('draws what the machines and the backlog were, with nothing in it that a name could break', async () => {
  const scenario = scenarioOf({
    trace: {
      name: '<Ipswich & co>',
      startMs: 0,
      endMs: 3 * hourMs,
      broadcasts: [{ channelId: 'a', name: 'a', ...broadcast, scheduled: broadcast }],
    },
    model: heavyWork,
    bootSecondsMedian: 240,
    sloSeconds: 20,
    seed: 1,
  });
  const day = await simulateDay(touchlineScaler(scalingPolicy.parse({})), scenario);
  const svg = drawDays([day], scenario);
  expect(svg).toContain('&lt;Ipswich &amp; co&gt;: boot 240 s, SLO 20 s, seed 1');
  expect(svg).toContain(`${day.outcome.gpuHours.toFixed(1)} GPU-hours, 0.00 % late`);
  // A tick for each hour from 00:00 to 03:00; the load goes up once and down once.
  expect(svg.match(/>0[0-3]:00</g)).toHaveLength(4);
  const paths = [...svg.matchAll(/<path d="([^"]*)"/g)].map((match) => match[1]);
  expect(paths).toHaveLength(4);
  expect(paths[2]).toMatch(/^M56 \S+ H\S+ V\S+ H\S+ V\S+ H976$/);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});
