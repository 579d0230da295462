import assert from 'node:assert/strict';

import type { Clock } from '../../core/clock.ts';
import { asTouchlineError, unreachable } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { Random } from '../../core/random.ts';

import {
  channelRequest,
  channelSpec,
  channelUpdate,
  groupRequest,
  groupSpec,
  inputRequest,
  inputSpec,
  pipelineCount,
  tagNames,
  type ChannelPlan,
} from './channel-settings.ts';
import { decideAction, isOn, type Action, type Limits, type Remedy } from './decide-action.ts';
import { decideSweep } from './decide-sweep.ts';
import type { DesiredChannel, DesiredChannels } from './desired-channels.ts';
import { cidrsOf } from './input-wish.ts';
import type { Listing, MediaLiveApi, Quotas } from './medialive-port.ts';
import { nothingObserved, observe, StateTimes, type Observed } from './observed-channel.ts';
import { usdPerHour } from './price-table.ts';
import { refusalOf } from './refusal.ts';

/** Where MediaLive is told to work, and within which limits. */
export interface MediaLivePlace {
  env: string;
  roleArn: string;
  bucket: string;
  prefix: string;
  maxBitrateBps: number;
  usdPerHourMax: number;
  limits: Limits;
}

/** Keeps SRT passphrases where MediaLive can read them. */
export interface PassphraseVault {
  /** Draws one and keeps it; returns the ARN, also of one that is there already. */
  create(channelId: string): Promise<string>;
  remove(arn: string): Promise<void>;
}

export interface ReconcilerOptions {
  api: MediaLiveApi;
  desired: DesiredChannels;
  passphrases: PassphraseVault;
  place: MediaLivePlace;
  clock: Clock;
  random: Random;
  log: Log;
  /** How long ago a run's last segment was found in the bucket; undefined when it is not watched. */
  mediaIdleMs: (runId: string) => number | undefined;
  onLook: (look: Look) => void;
}

/** What was seen of a channel in one tick, and what was done. */
export interface Look {
  desired: DesiredChannel;
  observed: Observed;
  action: Action;
  /** Why the last step did not go through; undefined when it did. */
  trouble?: string | undefined;
}

/**
 * Brings MediaLive to what is wanted: list, compare, one action per channel and tick, and nothing is taken for granted that was
 * not listed. It holds nothing that a second reconciler, or this one after a restart, would have to know.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #times = new StateTimes();
  /** By run: a new start has all remedies before it again. */
  readonly #remedies = new Map<string, Set<Remedy>>();
  readonly #trouble = new Map<string, { count: number; untilMs: number; message: string }>();
  readonly #inputLost = new Map<string, { sinceMs: number | undefined; askedAtMs: number }>();
  #quotas: { known: Quotas | undefined; untilMs: number } = { known: undefined, untilMs: 0 };

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** @throws what listing throws: nothing is done without having looked */
  async tick(): Promise<void> {
    const { api, desired, place, clock } = this.#options;
    const listing = await api.list();
    const inStateMs = this.#times.note(listing, clock.monotonicMs());
    const byChannel = observe(listing, { env: place.env, prefix: place.prefix, inStateMs });
    // After the listing: what is listed was made for a record that is older.
    const records = await desired.list();
    await this.#lookForInput(records, byChannel);
    const quotas = await this.#readQuotas();
    const steps = this.#decideAll(listing, byChannel, records, quotas);
    for (const [channelId, observed] of byChannel) {
      if (records.some((record) => record.desired.channelId === channelId)) continue;
      const action = decideSweep(observed, {
        nowMs: clock.nowMs(),
        limits: place.limits,
        noInputMs: () => undefined,
      });
      steps.push(async () => await this.#carryOut(channelId, action));
    }
    await Promise.all(steps.map(async (step) => await step()));
    this.#forgetOld(records);
  }

  #decideAll(
    listing: Listing,
    byChannel: ReadonlyMap<string, Observed>,
    records: readonly Versioned[],
    quotas: Quotas | undefined,
  ): (() => Promise<void>)[] {
    const { place, clock, onLook } = this.#options;
    let runningUsdPerHour = [...byChannel.values()]
      .flatMap(({ channels }) => channels.filter(isOn))
      .reduce((sum, channel) => sum + usdPerHour(channel), 0);
    return records.map(({ desired, version }) => {
      const observed = byChannel.get(desired.channelId) ?? nothingObserved;
      const plan = this.#planOf(desired);
      const needsGroup = cidrsOf(desired.input) !== undefined;
      const isStandard = pipelineCount(desired.input) === 2;
      const wanted = {
        desired,
        needsGroup,
        needsPassphrase: desired.input.type === 'srt-listener' && desired.input.passphraseArn === undefined,
        groupSpec: groupSpec(plan),
        inputSpec: inputSpec(plan),
        channelSpec: channelSpec(plan),
      };
      const refusal = refusalOf({
        listing,
        quotas,
        observed,
        channel: { isStandard, isPush: needsGroup, needsGroup },
        runningUsdPerHour,
        usdPerHourMax: place.usdPerHourMax,
      });
      this.#forgiveWhatRunsWell(desired, observed);
      const action = decideAction(wanted, observed, {
        nowMs: clock.nowMs(),
        remedies: this.#remedies.get(desired.runId) ?? new Set(),
        refusal,
        noInputMs: this.#noInputMs(desired, observed),
        limits: place.limits,
      });
      if (action.kind === 'start') runningUsdPerHour += usdPerHour({ isStandard });
      onLook({ desired, observed, action, trouble: this.#trouble.get(desired.channelId)?.message });
      return async () => await this.#carryOut(desired.channelId, action, { desired, version, plan });
    });
  }

  async #carryOut(channelId: string, action: Action, record?: VersionedPlan): Promise<void> {
    const { clock, random, log } = this.#options;
    if (action.kind === 'rest' || action.kind === 'wait') return;
    const trouble = this.#trouble.get(channelId);
    if (trouble && trouble.untilMs > clock.monotonicMs()) return;
    log.info('medialive action', { ...action, channelId, action: action.kind });
    try {
      await this.#do(action, record);
      this.#trouble.delete(channelId);
    } catch (thrown) {
      const error = asTouchlineError(thrown);
      // The world is another than it was a moment ago: the next tick looks again.
      if (error.code === 'medialive.conflict' || error.code === 'medialive.not-found') return;
      const count = (trouble?.count ?? 0) + 1;
      const delayMs = Math.min(backOffMsMax, backOffMs * 2 ** (count - 1)) * (0.5 + random.unit() / 2);
      this.#trouble.set(channelId, {
        count,
        untilMs: clock.monotonicMs() + delayMs,
        message: error.message,
      });
      log.warn('medialive action failed', { channelId, action: action.kind, count, error });
      // Taking away is tried for ever; what would cost and cannot be had is given up with its reason.
      if (!error.retryable && record && building.has(action.kind)) await this.#fail(record, error.message);
    }
  }

  async #do(action: Action, record: VersionedPlan | undefined): Promise<void> {
    const { api, clock, place } = this.#options;
    switch (action.kind) {
      case 'wait':
      case 'rest':
        return;
      case 'stop':
        this.#noteRemedy(record, action.remedy);
        return await api.stopChannel(action.channelId);
      case 'delete-channel':
        return await api.deleteChannel(action.channelId);
      case 'delete-input':
        return await api.deleteInput(action.inputId);
      case 'delete-group':
        return await api.deleteGroup(action.groupId);
      case 'renew': {
        const expires = new Date(clock.nowMs() + place.limits.leaseMs).toISOString();
        return await api.tag(action.arn, { [tagNames.expires]: expires });
      }
      case 'start':
        return await api.startChannel(action.channelId);
      case 'create-passphrase':
      case 'delete-passphrase':
      case 'create-group':
      case 'create-input':
      case 'create-channel':
      case 'update-channel':
      case 'restart-pipelines':
      case 'new-generation':
      case 'fail':
      case 'forget':
        assert(record, `${action.kind} is decided for what has a record alone`);
        return await this.#doFor(record, action);
      default:
        return unreachable(action);
    }
  }

  async #doFor(record: VersionedPlan, action: RecordAction): Promise<void> {
    const { api, desired: store, passphrases } = this.#options;
    const { desired, version, plan } = record;
    switch (action.kind) {
      case 'create-passphrase': {
        const passphraseArn = await passphrases.create(desired.channelId);
        await store.save({ ...desired, passphraseArn }, version);
        return;
      }
      case 'delete-passphrase':
        if (desired.passphraseArn !== undefined) await passphrases.remove(desired.passphraseArn);
        await store.save({ ...desired, passphraseArn: undefined }, version);
        return;
      case 'create-group':
        return await api.createGroup(groupRequest(plan));
      case 'create-input': {
        const state = await api.createInput(inputRequest(plan, action.groupId));
        if (state === 'DELETED' || state === 'DELETING') await this.#makeAnew('input', record);
        return;
      }
      case 'create-channel': {
        const state = await api.createChannel(channelRequest(plan, action.inputId));
        if (state === 'DELETED' || state === 'DELETING') await this.#makeAnew('channel', record);
        return;
      }
      case 'update-channel':
        return await api.updateChannel(action.channelId, channelUpdate(plan, action.inputId));
      case 'restart-pipelines':
        this.#noteRemedy(record, action.remedy);
        return await api.restartPipelines(action.channelId, pipelineCount(desired.input));
      case 'new-generation':
        this.#noteRemedy(record, action.remedy);
        return await this.#makeAnew(action.of, record);
      case 'fail':
        return await this.#fail(record, action.reason);
      case 'forget':
        await store.remove(desired.channelId, version);
        return;
      default:
        return unreachable(action);
    }
  }

  async #makeAnew(of: 'channel' | 'input', { desired, version }: Versioned): Promise<void> {
    const { channelGeneration, inputGeneration } = desired;
    // A channel cannot change its input, so a new input takes a new channel.
    const next = {
      ...desired,
      channelGeneration: channelGeneration + 1,
      inputGeneration: of === 'input' ? inputGeneration + 1 : inputGeneration,
    };
    await this.#options.desired.save(next, version);
  }

  async #fail(record: Versioned, reason: string): Promise<void> {
    if (record.desired.wish !== 'running') return;
    await this.#options.desired.save({ ...record.desired, failure: reason }, record.version);
  }

  #planOf(desired: DesiredChannel): ChannelPlan {
    const { place, clock } = this.#options;
    const own = 'passphraseArn' in desired.input ? desired.input.passphraseArn : undefined;
    return {
      ...place,
      ...desired,
      passphraseArn: own ?? desired.passphraseArn,
      expiresAtMs: clock.nowMs() + place.limits.leaseMs,
    };
  }

  #noteRemedy(record: Versioned | undefined, remedy: Remedy | undefined): void {
    if (!record || !remedy) return;
    const { runId } = record.desired;
    const tried = this.#remedies.get(runId) ?? new Set();
    this.#remedies.set(runId, tried.add(remedy));
  }

  #forgiveWhatRunsWell({ runId }: DesiredChannel, observed: Observed): void {
    const runsWell = observed.channels.some(
      (one) => one.state === 'RUNNING' && one.runId === runId && one.inStateMs >= runsWellMs,
    );
    if (runsWell) this.#remedies.delete(runId);
  }

  /** An alert alone may be of something else, and a silent bucket may be our own fault: together they are no feed. */
  #noInputMs({ runId }: DesiredChannel, { channels }: Observed): number | undefined {
    const { clock, mediaIdleMs } = this.#options;
    const running = channels.find((one) => one.state === 'RUNNING' && one.runId === runId);
    const sinceMs = running && this.#inputLost.get(running.id)?.sinceMs;
    if (!running || sinceMs === undefined) return undefined;
    const lostMs = clock.nowMs() - sinceMs;
    return Math.min(lostMs, running.inStateMs, mediaIdleMs(runId) ?? lostMs);
  }

  async #lookForInput(
    records: readonly { desired: DesiredChannel }[],
    byChannel: ReadonlyMap<string, Observed>,
  ): Promise<void> {
    const { api, clock, log } = this.#options;
    const nowMs = clock.monotonicMs();
    const running = records
      .flatMap(({ desired }) => byChannel.get(desired.channelId)?.channels ?? [])
      .filter(({ state }) => state === 'RUNNING');
    for (const id of this.#inputLost.keys()) {
      if (!running.some((one) => one.id === id)) this.#inputLost.delete(id);
    }
    const due = running.filter(
      ({ id }) => nowMs - (this.#inputLost.get(id)?.askedAtMs ?? -Infinity) >= askInputEveryMs,
    );
    await Promise.all(
      due.map(async ({ id, isStandard }) => {
        try {
          const sinceMs = await api.inputLostSinceMs(id, isStandard ? 2 : 1);
          this.#inputLost.set(id, { sinceMs, askedAtMs: nowMs });
        } catch (error) {
          log.debug('the alerts of a channel could not be read', { id, error });
        }
      }),
    );
  }

  async #readQuotas(): Promise<Quotas | undefined> {
    const { api, clock, log } = this.#options;
    if (clock.monotonicMs() < this.#quotas.untilMs) return this.#quotas.known;
    try {
      this.#quotas = { known: await api.quotas(), untilMs: clock.monotonicMs() + quotasEveryMs };
    } catch (error) {
      log.warn('the quotas of MediaLive could not be read: its own refusals are what is left', { error });
      this.#quotas = { known: this.#quotas.known, untilMs: clock.monotonicMs() + quotasEveryMs / 10 };
    }
    return this.#quotas.known;
  }

  #forgetOld(records: readonly { desired: DesiredChannel }[]): void {
    const runs = new Set(records.map(({ desired }) => desired.runId));
    for (const runId of this.#remedies.keys()) if (!runs.has(runId)) this.#remedies.delete(runId);
    const nowMs = this.#options.clock.monotonicMs();
    for (const [channelId, { untilMs }] of this.#trouble) {
      if (untilMs + 10 * backOffMsMax < nowMs) this.#trouble.delete(channelId);
    }
  }
}

interface Versioned {
  desired: DesiredChannel;
  version: number;
}
interface VersionedPlan extends Versioned {
  plan: ChannelPlan;
}
type RecordAction = Exclude<
  Action,
  { kind: 'wait' | 'rest' | 'stop' | 'start' | 'renew' | 'delete-channel' | 'delete-input' | 'delete-group' }
>;

/** What makes something that costs: a refusal of these is final. */
const building: ReadonlySet<Action['kind']> = new Set([
  'create-passphrase',
  'create-group',
  'create-input',
  'create-channel',
  'update-channel',
  'start',
]);
const backOffMs = 5_000;
const backOffMsMax = 120_000;
const runsWellMs = 10 * 60_000;
const askInputEveryMs = 60_000;
const quotasEveryMs = 3_600_000;
