import { averageLoad } from './average-load.ts';
import { awsTargetTracking } from './aws-target-tracking.ts';
import type { Baseline } from './baseline.ts';
import { buildkite } from './buildkite.ts';
import { kedaHpa } from './keda-hpa.ts';
import { scheduleOnly } from './schedule-only.ts';
import { staticPeak } from './static-peak.ts';

/** In the order of the table. */
export const allBaselines: readonly Baseline[] = [
  staticPeak,
  averageLoad,
  awsTargetTracking,
  kedaHpa,
  buildkite,
  scheduleOnly,
];
