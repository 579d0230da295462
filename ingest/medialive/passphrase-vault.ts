import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  InvalidRequestException,
  ResourceExistsException,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';

import { TouchlineError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';

import { asMediaLiveError } from './call-budget.ts';
import { tagNames } from './channel-settings.ts';
import type { PassphraseVault } from './reconciler.ts';

/**
 * Keeps SRT passphrases in Secrets Manager, where MediaLive reads them and where the operator looks them up: they are never in
 * our catalogue, log or page. The only file that knows that SDK.
 */
export function createPassphraseVault(options: {
  env: string;
  random: Random;
  region?: string | undefined;
  endpoint?: string | undefined;
}): PassphraseVault & { close(): void } {
  const { env, random, region, endpoint } = options;
  const client = new SecretsManagerClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
  });
  return {
    create: async (channelId) => {
      const Name = `touchline/srt/${env}/${channelId}`;
      try {
        const made = await client.send(
          new CreateSecretCommand({
            Name,
            Description: `The SRT passphrase of touchline's channel ${channelId}`,
            // SRT takes 10 to 79 characters; these are 128 bits.
            SecretString: Buffer.from(random.bytes(16)).toString('hex'),
            Tags: [
              { Key: tagNames.env, Value: env },
              { Key: tagNames.channel, Value: channelId },
            ],
          }),
          limit(),
        );
        return arnOf(made.ARN, Name);
      } catch (thrown) {
        if (!(thrown instanceof ResourceExistsException)) {
          throw asMediaLiveError(thrown, 'secretsmanager:CreateSecret');
        }
      }
      // Made before, and the answer was lost.
      try {
        return arnOf((await client.send(new DescribeSecretCommand({ SecretId: Name }), limit())).ARN, Name);
      } catch (thrown) {
        throw asMediaLiveError(thrown, 'secretsmanager:DescribeSecret');
      }
    },
    remove: async (SecretId) => {
      try {
        await client.send(new DeleteSecretCommand({ SecretId, RecoveryWindowInDays: 7 }), limit());
      } catch (thrown) {
        if (thrown instanceof ResourceNotFoundException) return;
        // Deleted before, and the answer was lost: it lies there for its seven days.
        if (thrown instanceof InvalidRequestException && (await isDeleted(client, SecretId))) return;
        throw asMediaLiveError(thrown, 'secretsmanager:DeleteSecret');
      }
    },
    close: () => client.destroy(),
  };
}

function arnOf(arn: string | undefined, name: string): string {
  if (arn !== undefined) return arn;
  throw new TouchlineError({
    code: 'medialive.unavailable',
    message: `Secrets Manager answered without the ARN of ${name}: it is tried again`,
    retryable: true,
    blame: 'environment',
  });
}

async function isDeleted(client: SecretsManagerClient, SecretId: string): Promise<boolean> {
  const { DeletedDate } = await client.send(new DescribeSecretCommand({ SecretId }), limit());
  return DeletedDate !== undefined;
}

function limit(): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(30_000) };
}
