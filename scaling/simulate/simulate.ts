import type { LoadView } from '../../core/load.ts';
import type { Pool } from '../snapshot.ts';
import { isWithin, type Faults } from './faults.ts';
import { Ledger } from './ledger.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import type { Scaler, WorldView } from './scaler.ts';
import { seededRandom } from './seeded-random.ts';
import { segmentsOf, type Segment, type Trace, type WorkModel } from './trace.ts';
import { World } from './world.ts';

export interface Scenario {
  trace: Trace;
  model: WorkModel;
  segments: readonly Segment[];
  pools: readonly Pool[];
  bootSecondsMedian: number;
  sloSeconds: number;
  countMax: number;
  faults: Faults;
  seed: number;
}

/** An on-demand g5.xlarge in us-east-1; it stands for a machine of power 1. */
const pool: Pool = { name: 'g5.xlarge', power: 1, dollarsPerHour: 1.006 };

export function scenarioOf(
  about: Pick<Scenario, 'trace' | 'model' | 'bootSecondsMedian' | 'sloSeconds' | 'seed'> & Partial<Scenario>,
): Scenario {
  const { trace, model, seed } = about;
  return { pools: [pool], countMax: 50, faults: {}, segments: segmentsOf(trace, model, seed), ...about };
}

/** One day under one scaler. */
export interface Day {
  outcome: Outcome;
  samples: readonly Sample[];
  world: World;
}

/** For the picture. */
export interface Sample {
  atMs: number;
  /** Machines that are paid for, and of those the ones that work. */
  presentCount: number;
  workingCount: number;
  liveCount: number;
  waitingCount: number;
}

const sampleSeconds = 30;

export async function simulateDay(scaler: Scaler, scenario: Scenario): Promise<Day> {
  const { trace, model, faults, sloSeconds } = scenario;
  const ledger = new Ledger(model, () => world);
  const world = new World(
    { ...scenario, dispatch: scaler.dispatch, deadlineSeconds: sloSeconds },
    (job, machine) => ledger.add(job, machine),
  );
  const view = viewOf(world, ledger, faults);
  const samples: Sample[] = [];
  let machinesMax = 0;
  let actionCount = 0;
  let step: ReturnType<Scaler['start']> | undefined;
  let nextStepMs = trace.startMs;
  let nextSampleMs = trace.startMs;
  while (Math.min(nextStepMs, nextSampleMs) <= trace.endMs) {
    world.runUntil(Math.min(nextStepMs, nextSampleMs));
    if (nextStepMs <= world.nowMs) {
      nextStepMs += scaler.everySeconds * 1000;
      if (isWithin(faults.crashes, world.nowMs)) step = undefined;
      else {
        step ??= scaler.start(world, view);
        if (await step()) actionCount += 1;
      }
      machinesMax = Math.max(machinesMax, world.present.size);
    }
    if (nextSampleMs <= world.nowMs) {
      nextSampleMs += sampleSeconds * 1000;
      samples.push(sampleOf(world));
    }
  }
  world.runUntil(trace.endMs);
  return {
    outcome: outcomeOf(world, { name: scaler.name, sloSeconds, actionCount, machinesMax }),
    samples,
    world,
  };
}

function viewOf(world: World, ledger: Ledger, faults: Faults): WorldView {
  const random = seededRandom(world.options.seed, 'throttling');
  let last: LoadView | undefined;
  return {
    load: () => {
      if (!last || !isWithin(faults.stale, world.nowMs)) last = ledger.read();
      return last;
    },
    isThrottled: () => random.unit() < (faults.throttledShare ?? 0),
  };
}

function sampleOf(world: World): Sample {
  const { present, nowMs, line, options } = world;
  return {
    atMs: nowMs,
    presentCount: present.size,
    workingCount: [...present].filter(({ life }) => life === 'working' || life === 'draining').length,
    liveCount: options.trace.broadcasts.filter(({ startMs, endMs }) => startMs <= nowMs && nowMs < endMs)
      .length,
    waitingCount: line.count,
  };
}
