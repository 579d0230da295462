import type { Baseline } from './baseline.ts';

/** The elastic CI stack's ScaleInIdlePeriod; its scaler is told not to shrink the group. */
const idleSeconds = 600;
const staleSeconds = 120;

/** buildkite-agent-scaler: as many agents as there are jobs that wait or run, at once; an agent goes when it has been idle. */
export const buildkite: Baseline = {
  name: 'buildkite',
  source:
    'buildkite/buildkite-agent-scaler scaler/scaling_calculator.go: ceil((scheduled + running) / agents per instance); DISABLE_SCALE_IN, idle timeout 10 min',
  everySeconds: 10,
  letGo: { kind: 'when-idle', seconds: idleSeconds },
  // Its dispatcher gives a job to the agent that finished one last, so that the others become idle.
  dispatch: 'latest-idle',
  create:
    ({ countMax }) =>
    ({ ageSeconds, visibleCount, inFlightCount }) =>
      ageSeconds > staleSeconds ? undefined : Math.min(countMax, visibleCount + inFlightCount),
};
