import { z } from 'zod';

import { TouchlineError } from '../../core/errors.ts';

import { inputWish } from './input-wish.ts';

/**
 * What is wanted of a MediaLive channel, and what has to be known of it after a restart. It outlives the process and, while
 * something of it is still to be taken away, the channel.
 */
export const desiredChannel = z.object({
  channelId: z.string(),
  /** `absent`: everything is given back, and then this record too. There is no way back from it. */
  wish: z.enum(['running', 'idle', 'absent']),
  input: inputWish,
  segmentMs: z.int(),
  /** The run that is written, or was last. A new one at each start. */
  runId: z.string(),
  /** Runs whose end was not announced yet: this one and those before it. */
  openRunIds: z.array(z.string()),
  /** Part of the RequestId. One up whenever the thing is to be made anew, so that the service does not answer with the old one. */
  channelGeneration: z.int(),
  inputGeneration: z.int(),
  streamKey: z.string(),
  /** Of the passphrase that we keep in Secrets Manager. */
  passphraseArn: z
    .string()
    .nullish()
    .transform((arn) => arn ?? undefined),
  /** Why it does not run although it is wanted. Nothing is tried again until it is started again. */
  failure: z
    .string()
    .nullish()
    .transform((reason) => reason ?? undefined),
});

export type DesiredChannel = z.infer<typeof desiredChannel>;

/** Where they are kept. Every write names the version it was read at: of two writers one loses, and looks again. */
export interface DesiredChannels {
  list(): Promise<VersionedDesire[]>;
  get(channelId: string): Promise<VersionedDesire | undefined>;
  /** @param version the one that was read; 0 for a new one. @returns false when somebody else was faster */
  save(desired: DesiredChannel, version: number): Promise<boolean>;
  remove(channelId: string, version: number): Promise<boolean>;
}

export interface VersionedDesire {
  desired: DesiredChannel;
  version: number;
}

/** What the house keeps for a driver, without knowing what it means. */
export interface DriverRecords {
  list(): Promise<{ channelId: string; record: unknown; version: number }[]>;
  save(channelId: string, record: unknown, version: number): Promise<boolean>;
  remove(channelId: string, version: number): Promise<boolean>;
}

export function desiredChannelsIn(records: DriverRecords): DesiredChannels {
  const list = async (): Promise<VersionedDesire[]> =>
    (await records.list()).map(({ record, version }) => ({ desired: read(record), version }));
  return {
    list,
    get: async (channelId) => (await list()).find(({ desired }) => desired.channelId === channelId),
    save: async (desired, version) => await records.save(desired.channelId, desired, version),
    remove: async (channelId, version) => await records.remove(channelId, version),
  };
}

function read(record: unknown): DesiredChannel {
  const known = desiredChannel.safeParse(record);
  if (known.success) return known.data;
  throw new TouchlineError({
    code: 'medialive.unknown-record',
    message: `a record of a MediaLive channel cannot be read (${known.error.issues[0]?.message}): was it written by a newer touchline?`,
    retryable: false,
    blame: 'environment',
  });
}
