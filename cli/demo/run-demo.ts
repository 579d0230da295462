import { dirname } from 'node:path';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { ChannelView, ClipView, RunReport } from '../../control/match-desk.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';
import type { MatchEvent } from './match-script.ts';
import { pushByRtmp, type PushSource } from './push.ts';
import { tally } from './tally.ts';
import { matchTime, watchChannel } from './watch.ts';

/** After the last picture: the closing segment is analysed and cut within seconds; a busy laptop gets minutes. */
const settleMsMax = 180_000;
const settleStepMs = 500;

/**
 * Plays one match through the whole house, as a contributor would: a channel, a key, a push by RTMP in real time. Prints
 * what is found as it is found, and holds it against the truth at the end.
 *
 * @returns true when every goal has its clip and no segment died; of a match without a known truth, true when it went through
 */
export async function runDemo(options: {
  api: ApiClient;
  io: CliIo;
  clock: Clock;
  source: PushSource;
  /** What happens in the match, where that is known. */
  truth: readonly MatchEvent[] | undefined;
  durationMs: number | undefined;
}): Promise<boolean> {
  const { api, io, source, truth } = options;
  const made = await createChannel(api);
  const over = new AbortController();
  const watching = watchChannel({
    api,
    io,
    channelId: made.id,
    signal: AbortSignal.any([over.signal, io.signal]),
  }).catch((error: unknown) => {
    // Ended by us; anything else is told by the report below, which reads everything again.
    if (!over.signal.aborted && !io.signal.aborted) io.tell(`the events broke off: ${String(error)}`);
  });
  try {
    await pushByRtmp({
      source,
      rtmpBase: made.ingest.rtmp.slice(0, -made.ingest.key.length - 1),
      key: new Secret(made.ingest.key),
      wallMsMax: (options.durationMs ?? 6 * 3_600_000) * 2 + 60_000,
      signal: io.signal,
    });
    // Ctrl-C ends the server too: there is nobody left to ask.
    if (io.signal.aborted) return false;
    const channel = await api.post<ChannelView>(`/channels/${made.id}/stop`);
    for (const { id } of channel.keys) await api.delete(`/channels/${made.id}/keys/${id}`);
    const report = await settled(options, made.id, channel.runId);
    const clips = (await api.get<{ clips: ClipView[] }>(`/clips?runId=${report.run}&limit=200`)).clips;
    return tellResult(io, report, clips, truth);
  } finally {
    over.abort();
    await watching;
    io.progress('');
  }
}

async function createChannel(
  api: ApiClient,
): Promise<{ id: string; name: string; ingest: { rtmp: string; key: string } }> {
  const { channels } = await api.get<{ channels: ChannelView[] }>('/channels');
  const taken = new Set(channels.map(({ name }) => name));
  let number = 1;
  while (taken.has(`demo-${number}`)) number += 1;
  return await api.post('/channels', { name: `demo-${number}`, sport: 'soccer' });
}

/** Waits until nothing is left to happen in the run. */
async function settled(
  { api, io, clock }: { api: ApiClient; io: CliIo; clock: Clock },
  channelId: string,
  runId: string | null,
): Promise<RunReport> {
  if (runId === null) {
    throw new TouchlineError({
      code: 'demo.unavailable',
      message: `nothing arrived on channel ${channelId}: the log of the server says why`,
      retryable: true,
      blame: 'environment',
    });
  }
  const giveUpMs = clock.monotonicMs() + settleMsMax;
  for (;;) {
    const report = await api.get<RunReport>(`/runs/${runId}/report`);
    if (report.isTerminal || io.signal.aborted || clock.monotonicMs() > giveUpMs) return report;
    io.progress('the match is over; the last clips are being cut ...');
    await clock.sleep(settleStepMs, io.signal).catch(() => undefined);
  }
}

function tellResult(
  io: CliIo,
  report: RunReport,
  clips: readonly ClipView[],
  truth: readonly MatchEvent[] | undefined,
): boolean {
  const { total, clip, noClip, dead } = report.segments;
  const moments = report.moments.filter(({ state }) => state !== 'withdrawn');
  io.print('');
  if (!report.isTerminal) io.print('Some work is still on its way; this is what is known so far.');
  io.print(`segments  ${total}: ${clip} in clips, ${noClip} without, ${dead} dead`);
  const folder = clips.flatMap(({ renditions }) => renditions.flatMap(({ path }) => path ?? []))[0];
  if (folder !== undefined) io.print(`clips     ${clips.length} in ${dirname(dirname(folder))}`);
  if (!truth) {
    io.print(`moments   ${moments.length}`);
    return report.isTerminal && dead === 0;
  }
  // A moment without its clip shows nobody anything.
  const shown = moments.filter(({ state }) => state === 'fast' || state === 'exact');
  const { found, missed, alsoFound, wrong } = tally(truth, shown);
  io.print(`expected  ${found.length + missed.length} goals`);
  for (const { event, moment } of found) {
    const score = moment.score.toFixed(2);
    io.print(`  found   ${matchTime(event.atMs)} ${event.text} (as "${moment.label}", ${score})`);
  }
  for (const { event, moment } of alsoFound) {
    io.print(
      `  also    ${matchTime(event.atMs)} ${event.text} (as "${moment.label}", ${moment.score.toFixed(2)})`,
    );
  }
  for (const { label, peakMs } of moments.filter(({ state }) => state === 'failed')) {
    io.print(`  NO CLIP ${matchTime(peakMs)} ${label} could not be cut`);
  }
  for (const event of missed) io.print(`  MISSED  ${matchTime(event.atMs)} ${event.text}`);
  for (const moment of wrong) {
    io.print(`  FALSE   ${matchTime(moment.peakMs)} ${moment.label} (${moment.score.toFixed(2)})`);
  }
  io.print(`result    ${found.length} found, ${missed.length} missed, ${wrong.length} false`);
  return missed.length === 0 && dead === 0;
}
