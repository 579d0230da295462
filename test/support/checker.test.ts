import { describe, expect, it } from 'vitest';

import type { ClipSidecar } from '../../core/clip.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import { findProblems, type Evidence, type StoredObject } from './checker.ts';

const object = (name: string, modifiedAtMs = 1): StoredObject => ({
  bytes: name.length,
  sha256: `sha of ${name}`,
  modifiedAtMs,
});
const saidOf = (key: string): { key: string; bytes: number; sha256: string } => ({ key, ...object(key) });

/** A match of two segments and one clip in which all is well. */
function soundMatch(): Evidence & { objects: Map<string, StoredObject> } {
  const clipKey = 'clips/ch/run/clp_1/exact-ab.wide.mp4';
  const sidecar = { id: 'clp_1', renditions: [saidOf(clipKey)] } as unknown as ClipSidecar;
  const segment = (seq: number): Evidence['segments'][number] => ({
    runId: 'run',
    seq,
    state: 'clip',
    deadReason: null,
    record: saidOf(`segments/ch/run/${seq}.ts`) as unknown as SegmentRecord,
  });
  return {
    segments: [segment(0), segment(1)],
    moments: [{ id: 'mom_1', clipId: 'clp_1', state: 'exact', revision: 1 }],
    clips: [{ id: 'clp_1', momentId: 'mom_1', revision: 'exact', sidecar }],
    jobs: [{ id: 'job_1', state: 'done' }],
    objects: new Map([
      ...[0, 1].map((seq) => [`segments/ch/run/${seq}.ts`, object(`segments/ch/run/${seq}.ts`)] as const),
      [clipKey, object(clipKey)],
      ['clips/ch/run/clp_1/clp_1.json', { ...object('json', 2), sidecar: structuredClone(sidecar) }],
    ]),
    waiting: { analyse: 0 },
    buried: [],
  };
}

describe('what is said of a match', () => {
  it('is nothing when all is well', () => {
    expect(findProblems(soundMatch())).toEqual([]);
  });

  const faults: Record<string, [(match: ReturnType<typeof soundMatch>) => void, RegExp]> = {
    'a segment is missing in the ledger': [({ segments }) => segments.shift(), /number 1 stands where 0/],
    'a segment has no end': [({ segments }) => (segments[0]!.state = 'queued'), /is queued, which is no end/],
    'a segment died of us': [
      ({ segments }) => Object.assign(segments[0]!, { state: 'dead', deadReason: 'unavailable: no S3' }),
      /is dead: unavailable/,
    ],
    'a segment has gone from the bucket': [
      ({ objects }) => objects.delete('segments/ch/run/0.ts'),
      /0\.ts is in the ledger and not in the bucket/,
    ],
    'an object was cut short': [
      ({ objects }) => objects.set('segments/ch/run/0.ts', object('short')),
      /has other bytes than were written/,
    ],
    'a moment has no clip': [({ clips }) => clips.pop(), /moment mom_1 has 0 clips/],
    'a clip was never made exact': [({ moments }) => (moments[0]!.state = 'fast'), /is fast and not exact/],
    'the sidecar is another': [
      ({ clips }) => Object.assign(clips[0]!.sidecar, { frameCount: 3 }),
      /sidecar in the bucket is not the one/,
    ],
    'a rendition came after the sidecar': [
      ({ objects }) => (objects.get('clips/ch/run/clp_1/exact-ab.wide.mp4')!.modifiedAtMs = 3),
      /younger than its sidecar/,
    ],
    'a rendition was made twice': [
      ({ objects }) => objects.set('clips/ch/run/clp_1/exact-cd.wide.mp4', object('x')),
      /has 2 files of exact wide, and 1 plans/,
    ],
    'somebody put what nobody knows': [
      ({ objects }) => objects.set('segments/ch/run/7.ts', object('x')),
      /the ledger does not know it/,
    ],
    'a job has no end': [({ jobs }) => (jobs[0]!.state = 'sent'), /job_1 has no end/],
    'a queue is not empty': [(match) => Object.assign(match.waiting, { analyse: 2 }), /analyse holds 2/],
    'a job is buried in silence': [
      (match) => Object.assign(match, { buried: ['job_1'] }),
      /job_1 is buried, and the ledger does not say so/,
    ],
  };
  it.each(Object.entries(faults))('names it when %s', (_, [spoil, sentence]) => {
    const match = soundMatch();
    spoil(match);
    expect(findProblems(match).join('\n')).toMatch(sentence);
  });
});
