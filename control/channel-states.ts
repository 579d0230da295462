import type { ChannelState } from '../ingest/channel.ts';

/**
 * The life of a channel.
 *
 * - `creating`: being written down; leads to `idle`
 * - `idle`: exists, accepts nothing
 * - `starting`: its driver was told to accept feeds
 * - `waiting`: a publisher may come; none is there
 * - `live`: media comes in
 * - `degraded`: media comes in, and something about it needs a person (`stateReason` says what)
 * - `stopping`: the driver ends the run; what it holds is still announced, also when the channel is deleted meanwhile
 * - `failed`: the driver could not start or stop it (`stateReason`); starting it again is allowed
 * - `deleted`: gone from every list; its runs and clips stay
 */
const leadsTo: Record<ChannelState, readonly ChannelState[]> = {
  creating: ['idle', 'failed', 'deleted'],
  idle: ['starting', 'deleted'],
  starting: ['waiting', 'live', 'degraded', 'stopping', 'failed'],
  waiting: ['live', 'degraded', 'stopping', 'failed'],
  live: ['waiting', 'degraded', 'stopping', 'failed'],
  degraded: ['waiting', 'live', 'stopping', 'failed'],
  stopping: ['idle', 'failed', 'deleted'],
  failed: ['starting', 'stopping', 'deleted'],
  deleted: [],
};

export function mayMove(from: ChannelState, to: ChannelState): boolean {
  return leadsTo[from].includes(to);
}

/** A driver accepts or carries a feed in these. */
export function isOpenState(state: ChannelState): boolean {
  return ['starting', 'waiting', 'live', 'degraded'].includes(state);
}
