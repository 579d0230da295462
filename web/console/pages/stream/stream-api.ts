import type { ThresholdCounts, TimelineAnswer } from '../../../api/schemas/timeline.ts';
import { ask } from '../../api.ts';

/** What the stream page takes of a run. */
export interface RunBody {
  id: string;
  channelId: string;
  startWallMs: number;
  endedAtMs: number | null;
  momentCount: number;
  clipCount: number;
}

export async function readRuns(channelId: string): Promise<RunBody[]> {
  return (await ask<{ runs: RunBody[] }>(`/runs?channelId=${encodeURIComponent(channelId)}&limit=100`)).runs;
}

export function readTimeline(
  runId: string,
  range?: { fromMs: number; toMs: number },
): Promise<TimelineAnswer> {
  const query = range ? `?fromMs=${Math.round(range.fromMs)}&toMs=${Math.round(range.toMs)}` : '';
  return ask<TimelineAnswer>(`/runs/${runId}/timeline${query}`);
}

export function readThreshold(runId: string, score?: number): Promise<ThresholdCounts> {
  const query = score === undefined ? '' : `?score=${score}`;
  return ask<ThresholdCounts>(`/runs/${runId}/threshold${query}`);
}

export function playlistUrl(runId: string): string {
  return `/api/v1/runs/${runId}/hls/index.m3u8`;
}

/** A picture of one segment: its last keyframe. */
export function stillUrl(runId: string, seq: number): string {
  return `/api/v1/runs/${runId}/stills/${seq}.jpg`;
}

export function clipByHand(
  runId: string,
  wish: { inMs: number; outMs: number; title?: string },
): Promise<{ momentId: string; clipId: string }> {
  return ask(`/runs/${runId}/moments`, { method: 'POST', body: wish });
}

export function decide(momentId: string, decision: 'approved' | 'rejected' | 'undecided'): Promise<unknown> {
  return ask(`/moments/${momentId}/decision`, { method: 'POST', body: { decision } });
}
