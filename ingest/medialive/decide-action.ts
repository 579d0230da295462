import { unreachable } from '../../core/errors.ts';

import type { DesiredChannel } from './desired-channels.ts';
import type { ChannelState, InputState } from './medialive-port.ts';
import type {
  Observed,
  ObservedChannel,
  ObservedGroup,
  ObservedInput,
  ObservedThing,
} from './observed-channel.ts';

/** The one thing to do next for a channel. Everything is safe to do twice, and by two at once. */
export type Action =
  | { kind: 'wait'; reason: string; isOverdue?: true }
  /** Nothing is to be done until something changes. */
  | { kind: 'rest' }
  | { kind: 'create-passphrase' }
  | { kind: 'create-group' }
  | { kind: 'create-input'; groupId: string | undefined }
  | { kind: 'create-channel'; inputId: string }
  | { kind: 'update-channel'; channelId: string; inputId: string }
  | { kind: 'start'; channelId: string }
  | { kind: 'stop'; channelId: string; reason: string; remedy?: Remedy }
  | { kind: 'restart-pipelines'; channelId: string; remedy: Remedy }
  | { kind: 'delete-channel'; channelId: string }
  | { kind: 'delete-input'; inputId: string }
  | { kind: 'delete-group'; groupId: string }
  | { kind: 'delete-passphrase' }
  | { kind: 'renew'; arn: string }
  /** What there is of it belongs to the past: it is taken away and made anew. */
  | { kind: 'new-generation'; of: 'channel' | 'input'; reason: string; remedy?: Remedy }
  | { kind: 'fail'; reason: string }
  /** Everything was given back: the record goes too. */
  | { kind: 'forget' };

/** What is tried once before a channel counts as failed. */
export type Remedy = 'recreate' | 'restart-pipelines' | 'stop-and-start';

export interface Wanted {
  desired: DesiredChannel;
  needsGroup: boolean;
  needsPassphrase: boolean;
  groupSpec: string;
  inputSpec: string;
  channelSpec: string;
}

export interface Circumstances {
  nowMs: number;
  /** Tried since the channel last ran well. */
  remedies: ReadonlySet<Remedy>;
  /** Why nothing may be created or started now: quotas and the cost guard. */
  refusal: string | undefined;
  /** For how long no picture has come in; undefined while one does, or when that is not known. */
  noInputMs: number | undefined;
  limits: Limits;
}

export interface Limits {
  /** A channel that nobody renews for this long is stopped by the sweep. */
  leaseMs: number;
  noInputMs: number;
}

/** How long a state may last. A start takes up to ten minutes, a stop drains for about as long. */
export const deadlineMs: Partial<Record<ChannelState | InputState, number>> = {
  CREATING: 3 * 60_000,
  UPDATING: 3 * 60_000,
  STARTING: 15 * 60_000,
  STOPPING: 15 * 60_000,
  DELETING: 5 * 60_000,
  RECOVERING: 10 * 60_000,
};

/** Compares what is wanted with what there is; pure. The reconciler does what it says, and then looks again. */
export function decideAction(wanted: Wanted, observed: Observed, circumstances: Circumstances): Action {
  const { desired } = wanted;
  const channels = observed.channels.filter(isThere);
  const current = channels.filter((one) => one.generation >= desired.channelGeneration);
  const keeper = current.reduce<ObservedChannel | undefined>(better, undefined);
  const leftovers = channels.filter((one) => one !== keeper);
  const retiring = leftovers.map((one) => retire(one, 'it is not the one that is kept'));
  const doable = retiring.find(({ kind }) => kind !== 'wait');
  if (doable) return doable;
  // A channel is made anew only when the one before is gone: never two for one key.
  if (!keeper && retiring[0]) return retiring[0];

  // What failed must not cost: it rests until somebody starts it again.
  const wish = desired.failure !== undefined && desired.wish === 'running' ? 'idle' : desired.wish;
  switch (wish) {
    case 'absent':
      return keeper ? retire(keeper, 'it is not wanted any more') : clearAway(desired, observed);
    case 'idle':
      return keeper
        ? rest(keeper, wanted, observed, circumstances)
        : tidy(undefined, wanted, observed, circumstances);
    case 'running':
      return keeper ? run(keeper, wanted, observed, circumstances) : create(wanted, observed, circumstances);
    default:
      return unreachable(wish);
  }
}

/** Running, and the oldest of those: what a viewer of the wreck would keep. */
function better(one: ObservedChannel | undefined, other: ObservedChannel): ObservedChannel {
  if (!one) return other;
  if (isOn(one) !== isOn(other)) return isOn(one) ? one : other;
  return Number(one.id) <= Number(other.id) ? one : other;
}

/** One step nearer to its being gone. */
function retire(channel: ObservedChannel, reason: string): Action {
  switch (channel.state) {
    case 'RUNNING':
    case 'STARTING':
    case 'RECOVERING':
      return { kind: 'stop', channelId: channel.id, reason };
    case 'IDLE':
    case 'CREATE_FAILED':
    case 'UPDATE_FAILED':
      return { kind: 'delete-channel', channelId: channel.id };
    case 'CREATING':
    case 'UPDATING':
    case 'STOPPING':
    case 'DELETING':
    case 'DELETED':
      return waitFor(channel);
    default:
      return unreachable(channel.state);
  }
}

/** Channel before input before security group: each refuses to go while the one before is there. */
function clearAway(desired: DesiredChannel, observed: Observed): Action {
  const inputs = observed.inputs.filter(isThere);
  const input = inputs.find(({ state }) => state === 'DETACHED');
  if (input) return { kind: 'delete-input', inputId: input.id };
  const group = observed.groups.find(({ state }) => state === 'IDLE');
  if (group) return { kind: 'delete-group', groupId: group.id };
  const left = inputs[0] ?? observed.groups.find(isThere);
  if (left) return waitFor(left);
  if (desired.passphraseArn !== undefined) return { kind: 'delete-passphrase' };
  // The record is what brings an open run to its end after a restart.
  if (desired.openRunIds.length > 0) return { kind: 'wait', reason: 'its last run is still being announced' };
  return { kind: 'forget' };
}

function rest(
  keeper: ObservedChannel,
  wanted: Wanted,
  observed: Observed,
  circumstances: Circumstances,
): Action {
  switch (keeper.state) {
    case 'RUNNING':
    case 'STARTING':
    case 'RECOVERING':
      return { kind: 'stop', channelId: keeper.id, reason: 'it is not wanted to run' };
    case 'CREATE_FAILED':
    case 'UPDATE_FAILED':
      return { kind: 'new-generation', of: 'channel', reason: `it is ${keeper.state}` };
    case 'IDLE':
      return tidy(keeper, wanted, observed, circumstances);
    case 'CREATING':
    case 'UPDATING':
    case 'STOPPING':
    case 'DELETING':
    case 'DELETED':
      return waitFor(keeper);
    default:
      return unreachable(keeper.state);
  }
}

function run(
  keeper: ObservedChannel,
  wanted: Wanted,
  observed: Observed,
  circumstances: Circumstances,
): Action {
  const { desired } = wanted;
  const { remedies, limits, nowMs, noInputMs, refusal } = circumstances;
  const isLate = isOverdue(keeper);
  switch (keeper.state) {
    case 'CREATE_FAILED':
    case 'UPDATE_FAILED':
      if (remedies.has('recreate'))
        return fail(`MediaLive made it twice, and both times it is ${keeper.state}`);
      return { kind: 'new-generation', of: 'channel', reason: `it is ${keeper.state}`, remedy: 'recreate' };
    case 'IDLE': {
      const input = observed.inputs.find(({ id, state }) => id === keeper.inputIds[0] && state !== 'DELETED');
      if (!input || input.generation < desired.inputGeneration || input.spec !== wanted.inputSpec) {
        return { kind: 'new-generation', of: 'input', reason: 'its input is not the one that is wanted' };
      }
      if (keeper.runId !== desired.runId || keeper.spec !== wanted.channelSpec) {
        return { kind: 'update-channel', channelId: keeper.id, inputId: input.id };
      }
      if (refusal !== undefined) return fail(refusal);
      if (keeper.expiresAtMs - nowMs < limits.leaseMs / 2) return { kind: 'renew', arn: keeper.arn };
      return { kind: 'start', channelId: keeper.id };
    }
    case 'STARTING':
      if (keeper.runId !== desired.runId)
        return { kind: 'stop', channelId: keeper.id, reason: 'a new run begins' };
      if (!isLate) return waitFor(keeper);
      return stopAndStart(keeper, remedies);
    case 'RECOVERING':
      if (!isLate) return waitFor(keeper);
      if (remedies.has('restart-pipelines')) return stopAndStart(keeper, remedies);
      return { kind: 'restart-pipelines', channelId: keeper.id, remedy: 'restart-pipelines' };
    case 'RUNNING':
      if (keeper.runId !== desired.runId)
        return { kind: 'stop', channelId: keeper.id, reason: 'a new run begins' };
      if (noInputMs !== undefined && noInputMs >= limits.noInputMs) {
        return fail(
          `no picture has come in for ${Math.round(noInputMs / 60_000)} min: it was stopped so that it does not cost. Start the encoder, then the channel`,
        );
      }
      return tidy(keeper, wanted, observed, circumstances);
    case 'CREATING':
    case 'UPDATING':
    case 'STOPPING':
    case 'DELETING':
      return isLate ? fail(overdueReason(keeper)) : waitFor(keeper);
    case 'DELETED':
      return waitFor(keeper);
    default:
      return unreachable(keeper.state);
  }
}

function stopAndStart(keeper: ObservedChannel, remedies: ReadonlySet<Remedy>): Action {
  if (remedies.has('stop-and-start')) return fail(overdueReason(keeper));
  return {
    kind: 'stop',
    channelId: keeper.id,
    reason: `${overdueReason(keeper)}: it is stopped and started once`,
    remedy: 'stop-and-start',
  };
}

/** Security group, input, channel: what the next one needs comes first. */
function create(wanted: Wanted, observed: Observed, { refusal }: Circumstances): Action {
  const { desired } = wanted;
  if (wasDeleted(observed.channels, desired.channelGeneration)) {
    return { kind: 'new-generation', of: 'channel', reason: 'it was deleted' };
  }
  const old = observed.inputs.find(
    (one) => one.state === 'DETACHED' && one.generation < desired.inputGeneration,
  );
  if (old) return { kind: 'delete-input', inputId: old.id };
  const stray = observed.groups.find(({ state, spec }) => state === 'IDLE' && spec !== wanted.groupSpec);
  if (stray) return { kind: 'delete-group', groupId: stray.id };
  const inputs = observed.inputs.filter((one) => isThere(one) && one.generation >= desired.inputGeneration);
  const input = inputs.find(({ state }) => state !== 'DELETING') ?? inputs[0];
  if (!input) {
    if (wasDeleted(observed.inputs, desired.inputGeneration)) {
      return { kind: 'new-generation', of: 'input', reason: 'its input was deleted' };
    }
    if (refusal !== undefined) return fail(refusal);
    if (wanted.needsPassphrase && desired.passphraseArn === undefined) return { kind: 'create-passphrase' };
    const group = firstGroup(observed, wanted.groupSpec);
    if (wanted.needsGroup && !group) return { kind: 'create-group' };
    return { kind: 'create-input', groupId: wanted.needsGroup ? group?.id : undefined };
  }
  if (input.spec !== wanted.inputSpec) {
    return { kind: 'new-generation', of: 'input', reason: 'its input is not the one that is wanted' };
  }
  switch (input.state) {
    case 'CREATING':
      return isOverdue(input) ? fail(overdueReason(input)) : waitFor(input);
    // Attached, and no channel is listed: the list lags behind, and asking again answers with the channel that there is.
    case 'ATTACHED':
    case 'DETACHED':
      return refusal === undefined ? { kind: 'create-channel', inputId: input.id } : fail(refusal);
    case 'DELETING':
    case 'DELETED':
      return { kind: 'new-generation', of: 'input', reason: 'its input was deleted' };
    default:
      return unreachable(input.state);
  }
}

/** What stands beside it and is of no use: an input that could not go when its turn was, the second group of a lost answer. */
function tidy(
  keeper: ObservedChannel | undefined,
  { desired }: Wanted,
  observed: Observed,
  circumstances: Circumstances,
): Action {
  const stray = observed.inputs.find(
    (one) =>
      one.state === 'DETACHED' &&
      (keeper ? !keeper.inputIds.includes(one.id) : one.generation < desired.inputGeneration),
  );
  if (stray) return { kind: 'delete-input', inputId: stray.id };
  const spare = keeper && observed.groups.find(({ state }) => state === 'IDLE');
  if (spare) return { kind: 'delete-group', groupId: spare.id };
  return renewAny(observed, circumstances);
}

/** A lost answer may have left a second one: the one in use is kept. */
function firstGroup({ groups }: Observed, spec: string): ObservedGroup | undefined {
  const alive = groups.filter((one) => isThere(one) && one.spec === spec);
  return alive.find(({ state }) => state === 'IN_USE') ?? alive[0];
}

/** A channel that is on is renewed often; what only waits, a few times a day: each renewal is a call. */
function renewAny(observed: Observed, { nowMs, limits }: Circumstances): Action {
  const due = [...observed.channels, ...observed.inputs, ...observed.groups]
    .filter(isThere)
    .find((one) => one.expiresAtMs - nowMs < (isOn(one) ? limits.leaseMs / 2 : -idleRenewalMs));
  return due ? { kind: 'renew', arn: due.arn } : { kind: 'rest' };
}

/** What idles is swept a day after its lease, so a quarter of that is early enough. */
const idleRenewalMs = 6 * 3_600_000;

export function isOn({ state }: ObservedThing): boolean {
  return state === 'RUNNING' || state === 'STARTING' || state === 'RECOVERING';
}

export function isThere({ state }: ObservedThing): boolean {
  return state !== 'DELETED';
}

function wasDeleted(things: readonly (ObservedChannel | ObservedInput)[], generation: number): boolean {
  return things.some((one) => one.state === 'DELETED' && one.generation >= generation);
}

function isOverdue(thing: ObservedThing): boolean {
  const limitMs = deadlineMs[thing.state as ChannelState];
  return limitMs !== undefined && thing.inStateMs >= limitMs;
}

function waitFor(thing: ObservedThing): Action {
  const reason = isOverdue(thing) ? overdueReason(thing) : `${thing.arn} is ${thing.state}`;
  return { kind: 'wait', reason, ...(isOverdue(thing) ? { isOverdue: true } : {}) };
}

function overdueReason({ arn, state, inStateMs }: ObservedThing): string {
  return `${arn} has been ${state} for ${Math.round(inStateMs / 60_000)} min`;
}

function fail(reason: string): Action {
  return { kind: 'fail', reason };
}
