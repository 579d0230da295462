import { silentLog } from '../../../core/log.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Random } from '../../../core/random.ts';
import type { DesiredChannel, DesiredChannels } from '../../../ingest/medialive/desired-channels.ts';
import type { InputWish } from '../../../ingest/medialive/input-wish.ts';
import type { MediaLiveApi } from '../../../ingest/medialive/medialive-port.ts';
import { Reconciler, type Look, type MediaLivePlace } from '../../../ingest/medialive/reconciler.ts';

/** Desired channels in memory, with versions as the catalogue has them. */
export class DesiredInMemory implements DesiredChannels {
  readonly records = new Map<string, { desired: DesiredChannel; version: number }>();

  async list(): Promise<{ desired: DesiredChannel; version: number }[]> {
    return [...this.records.values()].map((record) => structuredClone(record));
  }

  async get(channelId: string): Promise<{ desired: DesiredChannel; version: number } | undefined> {
    return structuredClone(this.records.get(channelId));
  }

  async save(desired: DesiredChannel, version: number): Promise<boolean> {
    if ((this.records.get(desired.channelId)?.version ?? 0) !== version) return false;
    this.records.set(desired.channelId, { desired: structuredClone(desired), version: version + 1 });
    return true;
  }

  async remove(channelId: string, version: number): Promise<boolean> {
    if (this.records.get(channelId)?.version !== version) return false;
    return this.records.delete(channelId);
  }

  change(channelId: string, change: Partial<DesiredChannel>): void {
    const record = this.records.get(channelId);
    if (!record) return;
    this.records.set(channelId, {
      desired: { ...record.desired, ...change },
      version: record.version + 1,
    });
  }
}

export const place: MediaLivePlace = {
  env: 'test',
  roleArn: 'arn:aws:iam::123456789012:role/medialive',
  bucket: 'media',
  prefix: 'segments',
  maxBitrateBps: 8_000_000,
  usdPerHourMax: 1000,
  limits: { leaseMs: 15 * 60_000, noInputMs: 30 * 60_000 },
};

export const rtmpPush: InputWish = { type: 'rtmp-push', cidrs: ['203.0.113.7/32'], isStandard: false };

export function desiredChannel(channelId: string, change: Partial<DesiredChannel> = {}): DesiredChannel {
  return {
    channelId,
    wish: 'running',
    input: rtmpPush,
    segmentMs: 4000,
    runId: 'run_1',
    openRunIds: [],
    channelGeneration: 1,
    inputGeneration: 1,
    streamKey: 'a-key-that-nobody-knows',
    passphraseArn: undefined,
    failure: undefined,
    ...change,
  };
}

export function reconcilerOn(options: {
  api: MediaLiveApi;
  desired: DesiredChannels;
  nowMs: () => number;
  unit?: () => number;
  place?: MediaLivePlace;
  mediaIdleMs?: (runId: string) => number | undefined;
  onLook?: (look: Look) => void;
}): Reconciler {
  const clock: Clock = {
    nowMs: options.nowMs,
    monotonicMs: options.nowMs,
    sleep: async () => {
      throw new Error('the reconciler does not wait');
    },
  };
  const random: Random = {
    unit: options.unit ?? (() => 0.5),
    bytes: (count) => new Uint8Array(count),
  };
  return new Reconciler({
    api: options.api,
    desired: options.desired,
    passphrases: {
      create: async (channelId) => `arn:aws:secretsmanager:us-east-1:123456789012:secret:${channelId}`,
      remove: async () => {},
    },
    place: options.place ?? place,
    clock,
    random,
    log: silentLog,
    mediaIdleMs: options.mediaIdleMs ?? (() => undefined),
    onLook: options.onLook ?? (() => {}),
  });
}
