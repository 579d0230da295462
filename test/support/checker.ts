import { isDeepStrictEqual } from 'node:util';

import type { ClipRevision, ClipSidecar } from '../../core/clip.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { JobState, MomentState, SegmentState } from '../../store/schema.ts';

/** What the ledger, the bucket and the queues say of one match when it is over. */
export interface Evidence {
  segments: {
    runId: string;
    seq: number;
    state: SegmentState;
    deadReason: string | null;
    record: SegmentRecord;
  }[];
  moments: { id: string; clipId: string; state: MomentState; revision: number }[];
  clips: { id: string; momentId: string; revision: ClipRevision; sidecar: ClipSidecar }[];
  jobs: { id: string; state: JobState }[];
  /** Every object below the prefix, by its key without it. */
  objects: ReadonlyMap<string, StoredObject>;
  /** Messages that are on each queue, in somebody's hands or not. */
  waiting: Readonly<Record<string, number>>;
  /** Jobs in the dead-letter queue. */
  buried: readonly string[];
}

export interface StoredObject {
  bytes: number;
  sha256: string;
  modifiedAtMs: number;
  /** Of a sidecar: what it says, parsed. */
  sidecar?: ClipSidecar | undefined;
}

/**
 * Nothing lost, nothing twice: what the three say of each other that is not so, one sentence each; empty when all is well.
 * It reads evidence and asks nobody, so that its own rules can be tested.
 */
export function findProblems(evidence: Evidence): string[] {
  return [
    ...inSegments(evidence),
    ...inMoments(evidence),
    ...evidence.clips.flatMap((clip) => inClip(clip, evidence)),
    ...inStrangers(evidence),
    ...inQueues(evidence),
  ];
}

/** A segment may be dead for what it is; never for what happened to us. */
const deadForItself = /^(corrupt|late):/;

function inSegments({ segments, objects }: Evidence): string[] {
  const gaps = [...new Set(segments.map(({ runId }) => runId))].flatMap((runId) =>
    segments
      .flatMap((segment) => (segment.runId === runId ? [segment.seq] : []))
      .toSorted((one, other) => one - other)
      .flatMap((seq, index) =>
        seq === index ? [] : [`run ${runId}: number ${seq} stands where ${index} belongs`],
      ),
  );
  const each = segments.flatMap(({ state, deadReason, record }) => {
    const object = objects.get(record.key);
    const isTerminal = state === 'clip' || state === 'no-clip' || state === 'dead';
    return [
      ...(isTerminal ? [] : [`${record.key} is ${state}, which is no end`]),
      ...(state === 'dead' && !deadForItself.test(deadReason ?? '')
        ? [`${record.key} is dead: ${deadReason}`]
        : []),
      ...differences(record.key, record, object),
    ];
  });
  return [...gaps, ...each];
}

function inMoments({ moments, clips }: Evidence): string[] {
  return moments.flatMap(({ id, clipId, state }) => {
    const count = clips.filter((clip) => clip.momentId === id).length;
    if (state === 'withdrawn') return [];
    return [
      ...(state === 'exact' ? [] : [`moment ${id} is ${state} and not exact`]),
      ...(count === 1 ? [] : [`moment ${id} has ${count} clips`]),
      ...(clips.some((clip) => clip.id === clipId)
        ? []
        : [`moment ${id}: its clip ${clipId} is not in the ledger`]),
    ];
  });
}

function inClip(
  { id, momentId, sidecar }: Evidence['clips'][number],
  { objects, moments }: Evidence,
): string[] {
  const inFolder = [...objects].filter(([key]) => key.split('/').at(-2) === id);
  const file = inFolder.find(([key]) => key.endsWith(`/${id}.json`))?.[1];
  if (!file?.sidecar) return [`clip ${id} has no sidecar that can be read`];
  const problems: string[] = [];
  // The ledger's JSON column keeps values and not the order of keys.
  if (!isDeepStrictEqual(file.sidecar, sidecar))
    problems.push(`clip ${id}: the sidecar in the bucket is not the one in the ledger`);
  for (const { key, bytes, sha256 } of sidecar.renditions) {
    const object = objects.get(key);
    problems.push(...differences(key, { bytes, sha256 }, object));
    if (object && object.modifiedAtMs > file.modifiedAtMs)
      problems.push(`${key} is younger than its sidecar`);
  }
  // A moment that later evidence moved was planned anew, and its files have other names; else there is one plan.
  const planCount = moments.find((moment) => moment.id === momentId)?.revision ?? 0;
  const made = inFolder.flatMap(
    ([key]) => /\/(fast|exact)-[^./]+\.([a-z]+)\.[a-z0-9]+$/.exec(key)?.slice(1).join(' ') ?? [],
  );
  for (const what of new Set(made)) {
    const count = made.filter((name) => name === what).length;
    if (count > planCount) problems.push(`clip ${id} has ${count} files of ${what}, and ${planCount} plans`);
  }
  return problems;
}

/** What nobody knows of: a segment that was stored and never announced, a clip that was made and never told. */
function inStrangers({ segments, clips, objects }: Evidence): string[] {
  const known = new Set(segments.map(({ record }) => record.key));
  const folders = new Set(clips.map(({ id }) => id));
  return [...objects.keys()]
    .filter(
      (key) => !known.has(key) && !(key.startsWith('clips/') && folders.has(key.split('/').at(-2) ?? '')),
    )
    .map((key) => `${key} is in the bucket, and the ledger does not know it`);
}

function inQueues({ jobs, waiting, buried }: Evidence): string[] {
  const named = new Set(jobs.filter(({ state }) => state === 'dead').map(({ id }) => id));
  return [
    ...jobs.filter(({ state }) => state === 'sent').map(({ id }) => `job ${id} has no end in the ledger`),
    ...Object.entries(waiting).flatMap(([name, count]) =>
      count > 0 ? [`${name} holds ${count} messages`] : [],
    ),
    ...buried
      .filter((id) => !named.has(id))
      .map((id) => `job ${id} is buried, and the ledger does not say so`),
  ];
}

function differences(
  key: string,
  said: { bytes: number; sha256: string },
  object: StoredObject | undefined,
): string[] {
  if (!object) return [`${key} is in the ledger and not in the bucket`];
  if (object.bytes === said.bytes && object.sha256 === said.sha256) return [];
  return [`${key} has other bytes than were written (${object.bytes} instead of ${said.bytes})`];
}
