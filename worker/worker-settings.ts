import { z } from 'zod';

import { wholeNumber } from '../core/setting-schemas.ts';

export const workerSettings = {
  /** Default: as many as there is work for, up to one for each core. Each keeps the models in memory, about 0.4 GB: 64 of them want a machine of that size. */
  workerCount: {
    env: 'TOUCHLINE_WORKERS',
    path: 'worker.count',
    schema: wholeNumber({ min: 0, max: 64, why: 'worker processes on this machine' }).optional(),
  },
  /** Which machine this is, in every job. Default: its host name. `ec2`: asked of EC2, whose notices of an end are heard then. */
  instanceId: {
    env: 'TOUCHLINE_INSTANCE_ID',
    path: 'worker.instanceId',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, dashes or underscores')
      .optional(),
  },
  /** Where EC2 tells an instance about itself; the AWS SDK reads the same one. */
  metadataEndpoint: {
    env: 'AWS_EC2_METADATA_SERVICE_ENDPOINT',
    path: 'worker.metadataEndpoint',
    schema: z.url('must be an address such as http://169.254.169.254').optional(),
  },
};

/** As TOUCHLINE_INSTANCE_ID: this machine is an EC2 instance. */
export const ec2InstanceId = 'ec2';
