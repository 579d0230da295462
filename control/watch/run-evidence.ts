import { sql, type Kysely } from 'kysely';

import type { Evidence } from '../../analytics/moments/evidence.ts';
import type { Signal, Spot } from '../../core/moment.ts';
import type { Tables } from '../../store/schema.ts';
import type { SegmentMark } from './segment-marks.ts';

/** Ten minutes of 4 s. */
const segmentsAtOnce = 150;

/**
 * What was found in some neighbouring segments, as the files of `analytics/moments` take it.
 *
 * @param parts `near`: without the reads of the scoreboard, which are most of the bytes and say nothing about the curve
 */
export async function readEvidence(
  db: Kysely<Tables>,
  marks: readonly SegmentMark[],
  parts: 'near' | 'all',
): Promise<Evidence> {
  const spots =
    parts === 'all' ? sql`spots` : sql`jsonb_path_query_array(spots, '$[*] ? (@.label != "scoreboard")')`;
  const rows: { signals: Signal[]; spots: Spot[] }[] = [];
  // In pieces: parsing a whole match would hold up the feeds that come in through the same loop.
  for (let from = 0; from < marks.length; from += segmentsAtOnce) {
    const ids = marks.slice(from, from + segmentsAtOnce).map((mark) => mark.id);
    const part = await sql<{ signals: Signal[]; spots: Spot[] }>`
      select signals, ${spots} as spots from results where segment_id = any(${ids}::text[])`.execute(db);
    rows.push(...part.rows);
  }
  const first = marks[0];
  return {
    channelId: first?.channelId ?? '',
    runId: first?.runId ?? '',
    signals: rows.flatMap((row) => row.signals),
    spots: rows.flatMap((row) => row.spots),
    gaps: gapsOf(marks),
    fromMs: first && first.seq > 0 ? first.fromMs : 0,
    knownUntilMs: marks.at(-1)?.toMs ?? 0,
    isComplete: false,
    previous: [],
  };
}

/** As the director sees them: without media, dead, or passed over. */
function gapsOf(marks: readonly SegmentMark[]): { fromMs: number; untilMs: number }[] {
  return marks.flatMap((mark) => [
    ...(mark.gapBeforeMs > 0 ? [{ fromMs: mark.fromMs - mark.gapBeforeMs, untilMs: mark.fromMs }] : []),
    ...(mark.isLookedAt ? [] : [{ fromMs: mark.fromMs, untilMs: mark.toMs }]),
  ]);
}
