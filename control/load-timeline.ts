import type { Kysely } from 'kysely';

import { contextMs } from '../analytics/moments/settled-until.ts';
import type { Rules } from '../analytics/rules/rules.ts';
import { job, type CutJob } from '../core/jobs.ts';
import { msFromTicks } from '../core/media-time.ts';
import { endOf90k } from '../core/segment.ts';
import type { Tables } from '../store/schema.ts';
import { stageOf } from './ledger.ts';
import {
  endMsOf,
  newTimeline,
  newTimelineSegment,
  shownOf,
  startMsOf,
  type CutStage,
  type Timeline,
  type TimelineMoment,
  type TimelineSegment,
} from './timeline.ts';

/** Reads a run's timeline back from the ledger, from as far back as what is still open needs. Undefined = no such run. */
export async function loadTimeline(
  db: Kysely<Tables>,
  runId: string,
  rulesOf: (sport: string) => Rules,
): Promise<Timeline | undefined> {
  const run = await db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirst();
  if (!run) return undefined;
  const timeline = newTimeline({ channelId: run.channel_id, runId, sport: run.sport });
  if (run.ended_at_ms !== null && run.segment_count !== null) {
    timeline.end = { segmentCount: run.segment_count, atMs: run.ended_at_ms };
  }
  const segments = await loadSegments(db, runId);
  const moments = await loadMoments(db, runId);
  const fromMs = openFromMs(segments, moments, contextMs(rulesOf(run.sport)));
  const keepFrom = Math.max(0, segments.findIndex((segment) => endMsOf(segment) > fromMs) - 1);
  timeline.segments = segments.slice(keepFrom);
  await loadFindings(db, timeline.segments, runId);
  const startMs = timeline.segments[0] ? startMsOf(timeline.segments[0]) : 0;
  timeline.moments = moments.filter((one) => one.cut !== undefined || one.moment.outMs > startMs);
  return timeline;
}

async function loadSegments(db: Kysely<Tables>, runId: string): Promise<TimelineSegment[]> {
  const rows = await db
    .selectFrom('segments')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('seq')
    .execute();
  const pendingFine = await db
    .selectFrom('jobs')
    .select('subject_id')
    .where('run_id', '=', runId)
    .where('kind', '=', 'analyse')
    .where('variant', '=', 'fine')
    .where('state', '=', 'sent')
    .execute();
  const pending = new Set(pendingFine.map((row) => row.subject_id));
  return rows.map((row) => ({
    ...newTimelineSegment(row.record),
    state: row.terminal_at_ms === null ? 'open' : (row.state as 'clip' | 'no-clip' | 'dead'),
    // Closed as dead without ever having been looked at is dead of the coarse pass; `analysed_at_ms` tells.
    coarse:
      row.analysed_at_ms !== null
        ? { kind: 'found' }
        : row.state === 'dead'
          ? { kind: 'dead', reason: row.dead_reason ?? 'unknown' }
          : undefined,
    fine: pending.has(row.id) ? 'sent' : row.is_fine_sent ? 'over' : 'none',
    resolvedAtMs: row.analysed_at_ms ?? row.terminal_at_ms ?? undefined,
  }));
}

async function loadMoments(db: Kysely<Tables>, runId: string): Promise<TimelineMoment[]> {
  const rows = await db
    .selectFrom('moments')
    .leftJoin('clips', 'clips.moment_id', 'moments.id')
    .selectAll('moments')
    .leftJoin('jobs', 'jobs.id', 'clips.job_id')
    .select(['clips.sidecar', 'jobs.variant as clip_stage'])
    .where('moments.run_id', '=', runId)
    // What a person made is no finding of ours.
    .where('moments.source', '=', 'model')
    .orderBy('moments.peak_ms')
    .execute();
  const cuts = await db
    .selectFrom('jobs')
    .select(['id', 'subject_id', 'variant', 'state', 'dead_reason', 'payload'])
    .where('run_id', '=', runId)
    .where('kind', '=', 'cut')
    .orderBy('ordinal')
    .execute();
  return rows.map((row): TimelineMoment => {
    const own = cuts.filter((cut) => cut.subject_id === row.clip_id);
    const sent = own.findLast((cut) => cut.state === 'sent');
    const last = own.at(-1);
    const sentJob = sent && asCutJob(sent.payload);
    const deadJob = last?.state === 'dead' ? asCutJob(last.payload) : undefined;
    const { id, label, score, reasons, revision } = row;
    const moment = { id, label, peakMs: row.peak_ms, inMs: row.in_ms, outMs: row.out_ms, score, reasons };
    const isWithdrawn = row.state === 'withdrawn';
    if (row.edit_version > 0) {
      const made = { stage: 'whole' as const, of: shownOf(moment) };
      return {
        moment,
        revision,
        isWithdrawn,
        isPinned: true,
        cut: undefined,
        made,
        failure: undefined,
        cutCount: 0,
      };
    }
    return {
      moment,
      revision,
      isWithdrawn,
      isPinned: false,
      cut: sentJob && { jobId: sentJob.id, stage: stageOf(sentJob), of: shownOf(sentJob.moment) },
      made:
        row.sidecar === null
          ? undefined
          : { stage: row.clip_stage as CutStage, of: shownOf(row.sidecar.moment) },
      failure: deadJob && {
        stage: stageOf(deadJob),
        of: shownOf(deadJob.moment),
        reason: last?.dead_reason ?? 'unknown',
      },
      cutCount: own.length,
    };
  });
}

/** Everything before it is over, and nothing that is open needs evidence from there. */
function openFromMs(
  segments: readonly TimelineSegment[],
  moments: readonly TimelineMoment[],
  neededMs: number,
): number {
  const open = segments.find((segment) => segment.state === 'open');
  const last = segments.at(-1);
  const openMs = open ? startMsOf(open) : last ? msFromTicks(endOf90k(last.record)) : 0;
  const cutting = moments.filter((one) => one.cut !== undefined).map((one) => one.moment.inMs);
  return Math.min(openMs, ...cutting) - neededMs;
}

async function loadFindings(
  db: Kysely<Tables>,
  segments: readonly TimelineSegment[],
  runId: string,
): Promise<void> {
  const byId = new Map(segments.map((segment) => [segment.record.id, segment]));
  if (byId.size === 0) return;
  const rows = await db
    .selectFrom('results')
    .select(['segment_id', 'signals', 'spots'])
    .where('run_id', '=', runId)
    .where('segment_id', 'in', [...byId.keys()])
    .execute();
  for (const row of rows) {
    const segment = byId.get(row.segment_id);
    if (!segment) continue;
    segment.signals = [...segment.signals, ...row.signals];
    segment.spots = [...segment.spots, ...row.spots];
  }
}

function asCutJob(payload: unknown): CutJob | undefined {
  const parsed = job.safeParse(payload);
  return parsed.success && parsed.data.kind === 'cut' ? parsed.data : undefined;
}
