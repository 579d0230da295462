import type { Baseline } from './baseline.ts';

/** Alarms of a target tracking policy: 3 minutes above the target, 15 minutes below 90 % of it. */
const highPeriods = 3;
const lowPeriods = 15;
const lowShare = 0.9;
/** Of the machines, at once. AWS says only "gradually"; of small groups one is all that is seen to go. */
const inShareMax = 0.1;

/** AWS's recipe for SQS: as many machines as keep the backlog per instance at latency / service time. */
export const awsTargetTracking: Baseline = {
  name: 'AWS target tracking',
  source:
    'docs.aws.amazon.com/autoscaling/ec2/userguide/as-using-sqs-queue.html: visible messages / InService instances, target = acceptable latency / service time',
  everySeconds: 60,
  letGo: { kind: 'kill' },
  create: ({ sloSeconds, serviceSeconds, countMax }) => {
    // What is in service is not counted, so its time is not in the latency that the backlog may cost.
    const target = Math.max(1, sloSeconds - serviceSeconds) / serviceSeconds;
    let above = 0;
    let below = 0;
    return ({ ageSeconds, visibleCount, readyCount, orderedCount }) => {
      // The metric divides by the machines in service: there has to be one, and a group that starts at none stays there.
      if (orderedCount === 0) return 1;
      if (ageSeconds > 60 || readyCount === 0) return undefined;
      const backlogPerInstance = visibleCount / readyCount;
      above = backlogPerInstance > target ? above + 1 : 0;
      below = backlogPerInstance < target * lowShare ? below + 1 : 0;
      // Machines that boot count as capacity (instance warm-up), so that only what is missing beyond them is added.
      const wanted = Math.ceil((readyCount * backlogPerInstance) / target);
      if (above >= highPeriods && wanted > orderedCount) return Math.min(countMax, wanted);
      // Nothing is let go while machines warm up.
      if (below < lowPeriods || readyCount < orderedCount) return undefined;
      const slowest = orderedCount - Math.max(1, Math.floor(orderedCount * inShareMax));
      return Math.max(1, wanted, slowest);
    };
  },
};
