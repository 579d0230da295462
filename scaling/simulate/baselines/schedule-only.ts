import type { Baseline } from './baseline.ts';

const utilisation = 0.8;
/** The default SchedulingBufferTime of predictive scaling, on top of the boot. */
const bufferMs = 5 * 60_000;
/** What a careful operator adds behind the end. */
const afterMs = 15 * 60_000;

/** Scheduled actions: so many machines per fixture, from the boot before its kick-off to a while after its end. */
export const scheduleOnly: Baseline = {
  name: 'schedule only',
  source:
    'docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html: fixtures / 80 %, 5 min beyond the boot before, 15 min after',
  everySeconds: 10,
  letGo: { kind: 'drain' },
  create:
    ({ fixtures, bootSecondsMedian, countMax }) =>
    ({ atMs }) => {
      const current = fixtures.filter(
        ({ startMs, endMs }) =>
          startMs - bootSecondsMedian * 1000 - bufferMs <= atMs && atMs < endMs + afterMs,
      );
      return Math.min(countMax, Math.ceil(current.length / utilisation));
    },
};
