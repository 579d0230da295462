import { isOn, isThere, type Action, type Limits } from './decide-action.ts';
import type { Observed } from './observed-channel.ts';

/**
 * What to do with things of ours for which nobody speaks: because nobody is there (`touchline aws sweep`), or because the
 * catalogue does not know them. Only what was not renewed is touched, so it may run beside a live desk. Pure; one step.
 */
export function decideSweep(
  observed: Observed,
  options: {
    nowMs: number;
    limits: Limits;
    /** By MediaLive's id of the channel; undefined while a picture comes in. */
    noInputMs: (id: string) => number | undefined;
  },
): Action {
  const { nowMs, limits, noInputMs } = options;
  for (const channel of observed.channels.filter(isOn)) {
    const stop = (reason: string): Action => ({ kind: 'stop', channelId: channel.id, reason });
    if (channel.expiresAtMs < nowMs) return stop('nobody has renewed its lease');
    const withoutMs = noInputMs(channel.id) ?? 0;
    if (withoutMs >= limits.noInputMs) {
      return stop(`no picture has come in for ${Math.round(withoutMs / 60_000)} min`);
    }
  }
  const channels = observed.channels.filter(isThere);
  const isLeft = ({ expiresAtMs }: { expiresAtMs: number }): boolean => expiresAtMs + leftoverAfterMs < nowMs;
  const channel = channels.find(
    (one) => isLeft(one) && ['IDLE', 'CREATE_FAILED', 'UPDATE_FAILED'].includes(one.state),
  );
  if (channel) return { kind: 'delete-channel', channelId: channel.id };
  const input = observed.inputs.find((one) => one.state === 'DETACHED' && isLeft(one));
  if (input) return { kind: 'delete-input', inputId: input.id };
  const group = observed.groups.find((one) => one.state === 'IDLE' && isLeft(one));
  if (group) return { kind: 'delete-group', groupId: group.id };
  return { kind: 'rest' };
}

/** A desk that is away for a day's repair finds its idle channels again; what idles costs cents. */
const leftoverAfterMs = 24 * 3_600_000;
