import type { Baseline, BaselineSetting, LetGo } from './baselines/baseline.ts';
import type { Scaler } from './scaler.ts';
import type { SimulatedMachine, World } from './world.ts';

/** Carries a baseline's count out in a world, the way its fleet would. */
export function baselineScaler(baseline: Baseline, setting: BaselineSetting): Scaler {
  const { name, everySeconds, letGo, dispatch = 'longest-idle' } = baseline;
  return {
    name,
    everySeconds,
    dispatch,
    start: (world, view) => {
      const rule = baseline.create(setting);
      return () => {
        endWhatIsEmpty(world);
        const goneCount = letGo.kind === 'when-idle' ? endIdle(world, letGo.seconds) : 0;
        const { measuredAtMs, backlog } = view.load();
        const staying = [...world.present].filter(
          ({ drainOrderedAtMs, isDoomed }) => drainOrderedAtMs === undefined && !isDoomed,
        );
        const wanted = rule({
          atMs: world.nowMs,
          ageSeconds: (world.nowMs - measuredAtMs) / 1000,
          visibleCount: backlog.waitingCount,
          inFlightCount: backlog.inFlightCount,
          readyCount: staying.filter(({ life }) => life === 'working').length,
          orderedCount: staying.length,
        });
        if (wanted === undefined || wanted === staying.length || view.isThrottled()) return goneCount > 0;
        if (wanted > staying.length) return launch(world, wanted - staying.length) > 0 || goneCount > 0;
        return shrink(world, { staying, count: staying.length - wanted, letGo }) > 0 || goneCount > 0;
      };
    },
  };
}

/** The first pool that has some, as a group with several instance types would. */
function launch(world: World, count: number): number {
  let launchedCount = 0;
  for (const pool of world.options.pools) launchedCount += world.launch(pool, count - launchedCount);
  return launchedCount;
}

function shrink(
  world: World,
  about: { staying: readonly SimulatedMachine[]; count: number; letGo: LetGo },
): number {
  if (about.letGo.kind === 'when-idle') return 0;
  // Oldest first: what an Auto Scaling Group's default policy comes down to within one zone.
  for (const machine of about.staying.slice(0, about.count)) {
    if (about.letGo.kind === 'kill') world.end(machine);
    else world.drain(machine);
  }
  return about.count;
}

function endWhatIsEmpty(world: World): void {
  for (const machine of world.present) if (machine.life === 'drained') world.end(machine);
}

function endIdle(world: World, seconds: number): number {
  const idle = [...world.present].filter(({ idleSinceMs }) => world.nowMs - idleSinceMs >= seconds * 1000);
  for (const machine of idle) world.end(machine);
  return idle.length;
}
