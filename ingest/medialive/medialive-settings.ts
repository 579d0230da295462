import { z } from 'zod';

import { wholeNumber } from '../../core/setting-schemas.ts';

export const mediaLiveSettings = {
  /** Keeps apart what several installations make in one AWS account: it is on every tag. */
  env: {
    env: 'TOUCHLINE_ENV',
    path: 'env',
    schema: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'must be 1 to 32 of a-z, 0-9 and "-"')
      .default('default'),
  },
  /** What MediaLive may do in our name: write into the bucket. Without it there is no driver `medialive`. */
  mediaLiveRole: {
    env: 'TOUCHLINE_MEDIALIVE_ROLE',
    path: 'medialive.role',
    schema: z
      .string()
      .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/\S+$/, 'must be the ARN of a role')
      .optional(),
  },
  /** Undefined = where the SDK looks: AWS_REGION, the profile. */
  mediaLiveRegion: {
    env: 'TOUCHLINE_MEDIALIVE_REGION',
    path: 'medialive.region',
    schema: z
      .string()
      .regex(/^[a-z]{2,3}(-[a-z]+)+-\d$/, 'must be a region such as eu-west-1')
      .optional(),
  },
  /** Address of the SQS queue that the bucket's events go to. Without it folders are read every two seconds. */
  mediaLiveEvents: {
    env: 'TOUCHLINE_MEDIALIVE_EVENTS',
    path: 'medialive.events',
    schema: z
      .string()
      .refine(
        (text) => /^https?:\/\//.test(text) && URL.canParse(text),
        'must be the address of an SQS queue',
      )
      .optional(),
  },
  /** All running channels of this environment together; a start that would pass it is refused. */
  mediaLiveUsdPerHour: {
    env: 'TOUCHLINE_MEDIALIVE_USD_PER_HOUR',
    path: 'medialive.usdPerHour',
    schema: wholeNumber({ min: 1, max: 10_000, why: 'a channel costs about one dollar an hour' }).default(10),
  },
  mediaLiveNoInputMinutes: {
    env: 'TOUCHLINE_MEDIALIVE_NO_INPUT_MINUTES',
    path: 'medialive.noInputMinutes',
    schema: wholeNumber({
      min: 1,
      max: 1440,
      why: 'a channel that is not fed costs as much as one that is',
    }).default(30),
  },
  /** A channel that no server renews for this long is stopped by `touchline aws sweep`. */
  mediaLiveLeaseMinutes: {
    env: 'TOUCHLINE_MEDIALIVE_LEASE_MINUTES',
    path: 'medialive.leaseMinutes',
    schema: wholeNumber({ min: 5, max: 1440, why: 'a server that restarts has to be back before' }).default(
      15,
    ),
  },
};
