import type { ClipView, MomentView, Waterfall } from '../../control/match-desk.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';

/**
 * Prints each moment of a channel with its reasons, and each revision of its clip with its latency, as they come. Returns
 * when the server stops or `signal` aborts.
 */
export async function watchChannel(options: {
  api: ApiClient;
  io: CliIo;
  channelId: string;
  /** Begin with what happened after this event; now, when absent. */
  afterId?: number;
  signal: AbortSignal;
}): Promise<void> {
  const { api, io, channelId, signal } = options;
  const printed = new Map<string, string>();
  /** Says each thing once; what was said before under the same name is not said again. */
  const once = (name: string, lines: readonly string[]): void => {
    const text = lines.join('\n');
    if (printed.get(name) === text) return;
    printed.set(name, text);
    for (const line of lines) io.print(line);
  };
  for await (const event of api.events(signal, options.afterId)) {
    if (event.channelId !== channelId || event.subjectId === null) continue;
    const id = event.subjectId;
    if (event.kind === 'moment.found' || event.kind === 'moment.revised') {
      const moment = await api.get<MomentView>(`/moments/${id}`);
      once(id, momentLines(moment, event.kind === 'moment.revised'));
    }
    if (event.kind === 'moment.withdrawn') once(id, [`  withdrawn: ${id}, later evidence took it back`]);
    if (event.kind === 'clip.visible') {
      const clip = await api.get<ClipView>(`/clips/${id}`);
      const waterfall = await api.get<Waterfall>(`/clips/${id}/waterfall`);
      const name = `${id}/${clip.revision}`;
      // A moment that later evidence revised is cut again; the latency is that of the first time.
      once(name, [
        printed.has(name)
          ? `${clipLine(clip)} (cut again)`
          : `${clipLine(clip)}: ${latency(clip, waterfall)}`,
      ]);
    }
    if (event.kind === 'clip.failed') once(`${id}/failed`, [`  clip    ${id} could not be cut`]);
  }
}

export function matchTime(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function momentLines(moment: MomentView, isRevised: boolean): string[] {
  const { label, peakMs, score, reasons } = moment;
  return [
    `${matchTime(peakMs).padStart(5)}  ${label.toUpperCase()}  ${score.toFixed(2)}${isRevised ? '  (revised)' : ''}`,
    ...reasons.map(
      ({ contribution, text }) => `  ${`${Math.round(contribution * 100)} %`.padStart(6)}  ${text}`,
    ),
  ];
}

function clipLine(clip: ClipView): string {
  const proven = clip.revision === 'exact' ? (clip.proven ? ', proven' : ', NOT proven') : '';
  return `  clip    ${clip.revision}${proven}, ${seconds(clip.durationMs)} long`;
}

function latency(clip: ClipView, { steps }: Waterfall): string {
  const visible = steps.find(({ step }) => step === `${clip.revision}-visible`);
  const closed = steps.find(({ step }) => step === 'segment-closed');
  if (!visible) return 'seen';
  const sinceClosed = closed ? `, ${seconds(visible.atMs - closed.atMs)} after its segment closed` : '';
  return `seen ${seconds(visible.sinceHappenedMs)} after it happened${sinceClosed}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
