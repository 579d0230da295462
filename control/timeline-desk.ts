import { loadRules } from '../analytics/rules/load-rules.ts';
import type { Rules } from '../analytics/rules/rules.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { Stills, type Still } from './stills.ts';
import { CurveCache } from './watch/curve-cache.ts';
import { mediaPlaylist } from './watch/playlist.ts';
import { RunTimelines, type ThresholdView, type TimelineView } from './watch/run-timeline.ts';
import { readMark } from './watch/segment-marks.ts';

export type { Still } from './stills.ts';

/**
 * What people watch: the timeline of a run, its picture from the first second to the live edge, and stills. Reads the ledger and
 * the store alone, and remembers what it has worked out; nothing is lost when it forgets.
 */
export interface TimelineDesk {
  /** @throws TouchlineError `run.not-found` */
  timeline(runId: string, asked: { fromMs?: number; toMs?: number; points: number }): Promise<TimelineView>;
  /** How many clips other thresholds would have given. @throws TouchlineError `run.not-found` */
  thresholds(runId: string, score?: number): Promise<ThresholdView>;
  /** A media playlist of HLS. @throws TouchlineError `run.not-found` */
  playlist(runId: string, asked: { isUpdate: boolean }): Promise<string>;
  /** The key of a segment's media in the store. @throws TouchlineError `segment.not-found` */
  segmentKey(runId: string, seq: number): Promise<string>;
  /** A picture of one segment. `etag` alone when the asker has that one. @throws TouchlineError `segment.not-found`, `still.not-found`, `still.unavailable` */
  segmentStill(runId: string, seq: number, knownEtag?: string): Promise<Still | { etag: string }>;
}

export interface TimelineDeskOptions {
  catalogue: Pick<Catalogue, 'db'>;
  store: ObjectStore;
  clock: Clock;
  log: Log;
}

export function openTimelineDesk(options: TimelineDeskOptions): TimelineDesk {
  const { store, clock, log } = options;
  const { db } = options.catalogue;
  const rulesBySport = new Map<string, Rules>();
  const rulesOf = (sport: string): Rules => {
    const rules = rulesBySport.get(sport) ?? loadRules({ sport });
    rulesBySport.set(sport, rules);
    return rules;
  };
  const curves = new CurveCache({ db });
  const timelines = new RunTimelines({ db, clock, curves, rulesOf });
  const stills = new Stills({ store, log });

  return {
    timeline: async (runId, asked) => await timelines.timeline(runId, asked),
    thresholds: async (runId, score) => await timelines.thresholds(runId, score),
    playlist: async (runId, { isUpdate }) => {
      const { run, marks } = await timelines.read(runId);
      return mediaPlaylist(marks, { isLive: run.isLive, isUpdate });
    },
    segmentKey: async (runId, seq) => {
      const mark = await readMark(db, runId, seq);
      if (!mark || mark.bytes === 0) throw noSegment(runId, seq);
      return mark.key;
    },
    segmentStill: async (runId, seq, knownEtag) => {
      const mark = await readMark(db, runId, seq);
      if (!mark) throw noSegment(runId, seq);
      const etag = stills.etagOf(mark);
      return etag === knownEtag ? { etag } : await stills.of(mark, { isKept: true });
    },
  };
}

function noSegment(runId: string, seq: number): TouchlineError {
  return new TouchlineError({
    code: 'segment.not-found',
    message: `there is no media of segment ${seq} of run "${runId}"`,
    retryable: false,
    blame: 'caller',
  });
}
