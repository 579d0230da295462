import { join } from 'node:path';

import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { IngestEvents } from '../ingest/channel.ts';
import { desiredChannelsIn, type DriverRecords } from '../ingest/medialive/desired-channels.ts';
import { createMediaLiveApi } from '../ingest/medialive/medialive-api.ts';
import { MediaLiveDriver } from '../ingest/medialive/medialive-driver.ts';
import { createPassphraseVault } from '../ingest/medialive/passphrase-vault.ts';
import type { MediaLivePlace } from '../ingest/medialive/reconciler.ts';
import { readMediaLiveQuotas } from '../ingest/medialive/service-quotas.ts';
import { MediaLiveWatcher } from '../ingest/medialive/watcher.ts';
import { openInbox } from '../queue/sqs-inbox.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Config } from './config.ts';

interface Parts {
  clock: Clock;
  random: Random;
  log: Log;
}

/** The driver `medialive`, when a role is set for it; loaded only then, because the SDK takes a moment. */
export async function openMediaLive(
  config: Config,
  options: Parts & { store: ObjectStore; folder: string },
): Promise<{
  createDriver(events: IngestEvents, records: DriverRecords): MediaLiveDriver;
  close(): void;
}> {
  const { clock, random, store, folder } = options;
  const log = options.log.child({ part: 'medialive' });
  const { bucket, prefix, ...limits } = placeOf(config);
  const storePrefix = config.store.kind === 's3' ? config.store.prefix : '';
  const aws = openAws(config, options);
  const url = config.mediaLiveEvents;
  const region = eventsRegionOf(config);
  const inbox = url === undefined ? undefined : await openInbox({ url, region, clock, random });
  return {
    createDriver: (events, records) =>
      new MediaLiveDriver({
        ...aws,
        place: { bucket, prefix, ...limits },
        desired: desiredChannelsIn(records),
        watcher: new MediaLiveWatcher({
          objects: store,
          events,
          bucket,
          // MediaLive and the bucket's events name whole keys; the store puts its own prefix before each.
          storePrefix,
          prefix: segmentsPrefix,
          journalFolder: join(folder, 'medialive'),
          clock,
          random,
          log,
          ...(inbox ? { inbox } : {}),
        }),
        events,
        clock,
        random,
        log,
      }),
    close: () => {
      inbox?.close();
      aws.close();
    },
  };
}

/** What talks to AWS, for the driver and for `touchline aws sweep`. */
export function openAws(
  config: Pick<Config, 'env' | 'mediaLiveRegion'>,
  { clock, random }: Pick<Parts, 'clock' | 'random'>,
) {
  const region = config.mediaLiveRegion;
  const readQuotas = async () => await readMediaLiveQuotas({ region });
  const api = createMediaLiveApi({ clock, random, region, readQuotas });
  const passphrases = createPassphraseVault({ env: config.env, random, region });
  return {
    api,
    passphrases,
    close: (): void => {
      api.close();
      passphrases.close();
    },
  };
}

/** The address of the events' queue says it, where it is AWS's. */
export function eventsRegionOf(config: Config): string {
  const { mediaLiveEvents: url = '', mediaLiveRegion, given } = config;
  const said = /\/\/sqs\.([a-z0-9-]+)\./.exec(url)?.[1];
  return said ?? mediaLiveRegion ?? given.env['AWS_REGION']?.reveal() ?? '';
}

function placeOf(config: Config): MediaLivePlace {
  const { store, mediaLiveRole: roleArn } = config;
  if (store.kind !== 's3' || roleArn === undefined) {
    throw new TouchlineError({
      code: 'config.invalid',
      message:
        'TOUCHLINE_MEDIALIVE_ROLE needs TOUCHLINE_STORE=s3://BUCKET/PREFIX: MediaLive writes into a bucket',
      retryable: false,
      blame: 'caller',
    });
  }
  return {
    env: config.env,
    roleArn,
    bucket: store.bucket,
    prefix: `${store.prefix === '' ? '' : `${store.prefix}/`}${segmentsPrefix}`,
    maxBitrateBps,
    usdPerHourMax: config.mediaLiveUsdPerHour,
    limits: limitsOf(config),
  };
}

export function limitsOf(config: Pick<Config, 'mediaLiveLeaseMinutes' | 'mediaLiveNoInputMinutes'>) {
  return {
    leaseMs: config.mediaLiveLeaseMinutes * 60_000,
    noInputMs: config.mediaLiveNoInputMinutes * 60_000,
  };
}

/** Where every segment lies in the store, whoever captured it. */
const segmentsPrefix = 'segments';
/** Below the 10 Mb/s above which an HD output costs more. */
const maxBitrateBps = 8_000_000;
