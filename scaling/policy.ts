import { z } from 'zod';

/**
 * What the operator wants of the fleet. The defaults are those of `docs/scaling.md`; where they come from a measurement,
 * the simulator can show it (`touchline scale simulate`).
 */
export const scalingPolicy = z
  .strictObject({
    countMin: z.int().min(0).default(0),
    countMax: z.int().min(1).max(10_000).default(50),
    /** Machines ordered by one decision, at the most. */
    stepCountMax: z.int().min(1).default(20),
    /** What the fleet may cost, $ per hour; absent: only `countMax` bounds it. */
    dollarsPerHourMax: z.number().positive().optional(),
    /** From the segment in the store to its findings, seconds. */
    sloSeconds: z.number().positive().default(20),
    /** A queue as long as this is normal and no reason to grow. */
    targetWaitSeconds: z.number().positive().default(2),
    /** How full machines are meant to be, 0 to 1. */
    utilisationMax: z.number().gt(0).lt(1).default(0.95),
    /**
     * Reserve on top of the offered load a, at least `spareFactor` x sqrt(a): arrivals come in bunches (square-root staffing).
     * Poisson arrivals ask for 1 to 2; segments come every few seconds and may wait for as many, so 0.4 is enough.
     */
    spareFactor: z.number().min(0).default(0.4),
    /** And at least so many machines while anything is live or about to be: one may die. */
    spareCount: z.int().min(0).default(1),
    /** In how many seconds a backlog is meant to be gone. */
    catchUpSeconds: z.number().positive().default(45),
    /** On top of the boot time: scheduled machines are ordered that much earlier. */
    leadMarginSeconds: z.number().min(0).default(120),
    /** Of the channels that go live, the share that no fixture announces: as many more machines await a kick-off. */
    unannouncedShare: z.number().min(0).max(0.9).default(0),
    /** How long a kick-off may be late before its machines are let go. */
    graceSeconds: z.number().min(0).default(900),
    /** Assumed until boots have been measured. */
    bootSecondsPrior: z.number().positive().default(240),
    /** Machines go only when none of the needs of this long was higher. */
    inWindowSeconds: z.number().positive().default(300),
    /** And no more of them in a minute than this share of the fleet. */
    inShareMaxPerMinute: z.number().gt(0).max(1).default(0.25),
    /** The last machine goes after so long without work. */
    zeroAfterSeconds: z.number().min(0).default(600),
    /** A machine is not let go before: its start has been paid for. */
    paidSecondsMin: z.number().min(0).default(60),
    /** Older figures than this are not acted upon, except by the schedule. */
    staleAfterSeconds: z.number().positive().default(30),
  })
  .superRefine((policy, context) => {
    if (policy.countMin > policy.countMax) {
      const message = `is ${policy.countMin}, more than countMax (${policy.countMax})`;
      context.addIssue({ code: 'custom', path: ['countMin'], message });
    }
    if (policy.targetWaitSeconds >= policy.sloSeconds) {
      const message = `is ${policy.targetWaitSeconds}: it has to be less than sloSeconds (${policy.sloSeconds})`;
      context.addIssue({ code: 'custom', path: ['targetWaitSeconds'], message });
    }
    if (policy.zeroAfterSeconds < policy.inWindowSeconds) {
      const message = `is ${policy.zeroAfterSeconds}: it cannot be less than inWindowSeconds (${policy.inWindowSeconds})`;
      context.addIssue({ code: 'custom', path: ['zeroAfterSeconds'], message });
    }
  });

export type ScalingPolicy = z.output<typeof scalingPolicy>;
