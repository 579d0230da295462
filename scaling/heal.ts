import type { WorkerView } from '../core/load.ts';
import type { ProvidedMachine } from './fleet-provider.ts';

/** What healing looks at. */
export interface Patients {
  atMs: number;
  /** When the workers' words were read. */
  measuredAtMs: number;
  machines: readonly ProvidedMachine[];
  workers: readonly WorkerView[];
  /** From launch to the first finished job, p95, ms. */
  bootMsP95: number;
}

export interface Healing {
  /** May be replaced now, the longest sick first. */
  replace: readonly { instanceId: string; why: string }[];
  /** All that look sick. */
  sickCount: number;
  /** Why fewer are replaced than look sick. */
  held: 'limit' | 'frozen' | undefined;
  /** To be handed in the next time. */
  memory: HealMemory;
}

/** What one look cannot see. It may be lost: then nobody is sick until it has been seen anew. */
export interface HealMemory {
  /** Looked at without a gap since. */
  watchedSinceMs: number | undefined;
  lookedAtMs: number;
  /** By instance: its last beat. Whoever keeps the registry forgets those that fall silent. */
  lastBeatAtMs: ReadonlyMap<string, number>;
  /** By worker: since when it has had jobs and finished none. */
  busy: ReadonlyMap<string, { sinceMs: number; lastSeenMs: number; completedCount: number }>;
  /** By instance: when its replacement was first asked for. */
  replacedAtMs: ReadonlyMap<string, number>;
}

export const noHealMemory: HealMemory = {
  watchedSinceMs: undefined,
  lookedAtMs: -Infinity,
  lastBeatAtMs: new Map(),
  busy: new Map(),
  replacedAtMs: new Map(),
};

/** Three beats and the way through a busy queue. */
const silentMsMax = 30_000;
/** A cut may take 10 min, and is called off then; a minute for saying so. */
const busyMsMax = 660_000;
/** A bad device fails job after job: it has empty hands for a moment in between. */
const idleMs = 60_000;
/** A laptop's workers boot in two seconds, and in a minute when all cores are busy. */
const bootMsMin = 120_000;
/** No more of the fleet than a fifth goes in ten minutes: what kills machines may be the work itself. */
const replaceShareMax = 0.2;
const replaceWindowMs = 600_000;

/**
 * Which machines do not work, and which of them may be replaced now. Nobody is replaced when more than half look sick together:
 * that is the queue, the database or the model, and not the machines. Pure: the same look and memory give the same outcome.
 */
export function heal(patients: Patients, before: HealMemory): Healing {
  const { atMs, machines } = patients;
  const watchedSinceMs = watchedSince(patients, before);
  const present = machines.filter(({ life }) => life !== 'ending');
  const memory: HealMemory = {
    watchedSinceMs,
    lookedAtMs: atMs,
    lastBeatAtMs: lastBeats(patients, before),
    busy: busyWorkers(patients, before),
    replacedAtMs: new Map([...before.replacedAtMs].filter(([, sinceMs]) => sinceMs > atMs - replaceWindowMs)),
  };
  if (watchedSinceMs === undefined) return { replace: [], sickCount: 0, held: undefined, memory };
  const sick = present
    .filter(({ drainOrderedAtMs }) => drainOrderedAtMs === undefined)
    .flatMap((machine) => diagnosis(machine, patients, memory, watchedSinceMs) ?? [])
    .toSorted((one, other) => one.sinceMs - other.sinceMs || (one.instanceId < other.instanceId ? -1 : 1));
  const sickCount = sick.length;
  if (sickCount > 1 && sickCount > present.length / 2)
    return { replace: [], sickCount, held: 'frozen', memory };
  const replacedAtMs = new Map(memory.replacedAtMs);
  const countMax = Math.max(1, Math.floor(present.length * replaceShareMax));
  const replace = sick.filter(({ instanceId }) => {
    // Asked for before, and still there: it is asked for again.
    if (replacedAtMs.has(instanceId)) return true;
    if (replacedAtMs.size >= countMax) return false;
    replacedAtMs.set(instanceId, atMs);
    return true;
  });
  return {
    replace: replace.map(({ instanceId, why }) => ({ instanceId, why })),
    sickCount,
    held: replace.length < sickCount ? 'limit' : undefined,
    memory: { ...memory, replacedAtMs },
  };
}

/** Who was blind for a while, as after a restart, knows of no silence. Undefined while the words are old. */
function watchedSince({ atMs, measuredAtMs }: Patients, before: HealMemory): number | undefined {
  if (atMs - measuredAtMs > silentMsMax) return undefined;
  return atMs - before.lookedAtMs > silentMsMax ? atMs : (before.watchedSinceMs ?? atMs);
}

function lastBeats({ machines, workers }: Patients, before: HealMemory): Map<string, number> {
  const here = new Set(machines.map(({ instanceId }) => instanceId));
  const beats = new Map([...before.lastBeatAtMs].filter(([instanceId]) => here.has(instanceId)));
  for (const { instanceId, lastBeatAtMs } of workers)
    if (here.has(instanceId)) beats.set(instanceId, Math.max(lastBeatAtMs, beats.get(instanceId) ?? 0));
  return beats;
}

function busyWorkers({ workers, atMs }: Patients, before: HealMemory): HealMemory['busy'] {
  return new Map(
    workers.flatMap(({ workerId, jobIds, completedCount }) => {
      const known = before.busy.get(workerId);
      const goesOn = known?.completedCount === completedCount && atMs - known.lastSeenMs <= idleMs;
      if (jobIds.length === 0) return goesOn ? [[workerId, known] as const] : [];
      const sinceMs = goesOn ? known.sinceMs : atMs;
      return [[workerId, { sinceMs, lastSeenMs: atMs, completedCount }] as const];
    }),
  );
}

interface Diagnosis {
  instanceId: string;
  why: string;
  sinceMs: number;
}

/** A machine may have several workers: one that works is enough against silence, one that does not is enough for the rest. */
function diagnosis(
  { instanceId, launchedAtMs }: ProvidedMachine,
  { atMs, workers, bootMsP95 }: Patients,
  memory: HealMemory,
  watchedSinceMs: number,
): Diagnosis | undefined {
  const own = workers.filter((worker) => worker.instanceId === instanceId);
  // It ends its work by itself, and is ended then.
  if (own.length > 0 && own.every(({ state }) => state !== 'working')) return undefined;
  const sick = (sinceMs: number, why: string): Diagnosis => ({ instanceId, sinceMs, why });
  const lastBeatAtMs = memory.lastBeatAtMs.get(instanceId);
  if (lastBeatAtMs === undefined) {
    const readyMsMax = Math.max(bootMsMin, 2 * bootMsP95);
    // Its beats may have waited for us to come back.
    const isHeard = atMs - watchedSinceMs >= silentMsMax;
    if (!isHeard || atMs - launchedAtMs <= readyMsMax) return undefined;
    return sick(launchedAtMs, `it was not ready ${seconds(atMs - launchedAtMs)} s after its launch`);
  }
  const silentSinceMs = Math.max(lastBeatAtMs, watchedSinceMs);
  if (atMs - silentSinceMs > silentMsMax)
    return sick(silentSinceMs, `nothing was heard of it for ${seconds(atMs - lastBeatAtMs)} s`);
  const broken = own.find(({ isDeviceOk }) => !isDeviceOk);
  if (broken) return sick(broken.startedAtMs, `the device of ${broken.workerId} failed its self-test`);
  for (const { workerId } of own) {
    const sinceMs = memory.busy.get(workerId)?.sinceMs ?? atMs;
    if (atMs - sinceMs > busyMsMax)
      return sick(sinceMs, `${workerId} takes jobs and has finished none for ${seconds(atMs - sinceMs)} s`);
  }
  return undefined;
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
