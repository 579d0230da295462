import { asTouchlineError } from '../../core/errors.ts';

import type { Limits } from './decide-action.ts';
import { decideSweep } from './decide-sweep.ts';
import type { MediaLiveApi } from './medialive-port.ts';
import { observe } from './observed-channel.ts';

/** What a sweep did, or would do. */
export interface Swept {
  channelId: string;
  action: 'stop' | 'delete-channel' | 'delete-input' | 'delete-group';
  /** MediaLive's id of the thing. */
  id: string;
  reason: string;
  /** Why it did not work; the next sweep tries again. */
  failure?: string;
}

/**
 * One look over everything of one environment, without a server and its catalogue: stops what nobody renews and what has no
 * feed, and takes one step at what is left over of each channel. Run it every few minutes from a place of its own.
 *
 * @throws what listing throws
 */
export async function sweep(options: {
  api: Pick<
    MediaLiveApi,
    'list' | 'inputLostSinceMs' | 'stopChannel' | 'deleteChannel' | 'deleteInput' | 'deleteGroup'
  >;
  env: string;
  limits: Limits;
  nowMs: number;
  isDryRun: boolean;
}): Promise<Swept[]> {
  const { api, env, limits, nowMs, isDryRun } = options;
  const byChannel = observe(await api.list(), { env, prefix: '', inStateMs: new Map() });
  const swept: Swept[] = [];
  for (const [channelId, observed] of byChannel) {
    const lost = new Map<string, number>();
    for (const { id, state, isStandard } of observed.channels) {
      if (state !== 'RUNNING') continue;
      // Alerts that cannot be read do not keep a lease from running out.
      const sinceMs = await api.inputLostSinceMs(id, isStandard ? 2 : 1).catch(() => undefined);
      if (sinceMs !== undefined) lost.set(id, nowMs - sinceMs);
    }
    const action = decideSweep(observed, { nowMs, limits, noInputMs: (id) => lost.get(id) });
    const leftOver = 'nobody has renewed it for a day';
    let step: (Swept & { carryOut: () => Promise<void> }) | undefined;
    if (action.kind === 'stop') {
      const { kind, channelId: id, reason } = action;
      step = { channelId, action: kind, id, reason, carryOut: async () => await api.stopChannel(id) };
    } else if (action.kind === 'delete-channel') {
      const { kind, channelId: id } = action;
      step = {
        channelId,
        action: kind,
        id,
        reason: leftOver,
        carryOut: async () => await api.deleteChannel(id),
      };
    } else if (action.kind === 'delete-input') {
      const { kind, inputId: id } = action;
      step = {
        channelId,
        action: kind,
        id,
        reason: leftOver,
        carryOut: async () => await api.deleteInput(id),
      };
    } else if (action.kind === 'delete-group') {
      const { kind, groupId: id } = action;
      step = {
        channelId,
        action: kind,
        id,
        reason: leftOver,
        carryOut: async () => await api.deleteGroup(id),
      };
    }
    if (!step) continue;
    const { carryOut, ...said } = step;
    swept.push(said);
    if (isDryRun) continue;
    // One that cannot be stopped must not keep the others running.
    await carryOut().catch((thrown: unknown) => {
      said.failure = asTouchlineError(thrown).message;
    });
  }
  return swept;
}
