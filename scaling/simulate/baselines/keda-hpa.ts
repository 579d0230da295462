import type { Baseline } from './baseline.ts';

/** The HorizontalPodAutoscaler's defaults: sync, tolerance, stabilisation, and its rule for growing. */
const everySeconds = 15;
const tolerance = 0.1;
const stabilisationMs = 300_000;
const podsMinPerStep = 4;
/** KEDA's own: from one to none after so long without a message. */
const cooldownMs = 300_000;

/** KEDA's SQS scaler feeding an HPA: (visible + in flight) / target, with a node per pod; 0 to 1 by KEDA, the rest by the HPA. */
export const kedaHpa: Baseline = {
  name: 'KEDA + HPA',
  source:
    'kedacore/keda pkg/scalers/aws_sqs_queue_scaler.go, kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale: defaults, queueLength = latency / service time',
  everySeconds,
  // A pod has 30 s to end, enough for one segment.
  letGo: { kind: 'drain' },
  create: ({ sloSeconds, serviceSeconds, countMax }) => {
    const target = sloSeconds / serviceSeconds;
    let recommendations: { atMs: number; count: number }[] = [];
    let activeAtMs = -Infinity;
    return ({ atMs, ageSeconds, visibleCount, inFlightCount, orderedCount }) => {
      // A metric that fails, without a fallback: nothing is done.
      if (ageSeconds > 30) return undefined;
      const total = visibleCount + inFlightCount;
      if (total > 0) activeAtMs = atMs;
      if (orderedCount === 0) return total > 0 ? 1 : undefined;
      if (atMs - activeAtMs >= cooldownMs) return 0;
      const ratio = total / target / orderedCount;
      const count = Math.abs(ratio - 1) <= tolerance ? orderedCount : Math.ceil(total / target);
      recommendations = [
        ...recommendations.filter((one) => one.atMs > atMs - stabilisationMs),
        { atMs, count: Math.max(1, count) },
      ];
      const stable = count < orderedCount ? Math.max(...recommendations.map((one) => one.count)) : count;
      const most = orderedCount + Math.max(podsMinPerStep, orderedCount);
      return Math.min(countMax, most, Math.max(1, Math.min(stable, Math.max(count, orderedCount))));
    };
  },
};
