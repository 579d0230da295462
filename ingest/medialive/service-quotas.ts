import { paginateListServiceQuotas, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';

import { asMediaLiveError } from './call-budget.ts';
import type { Quotas } from './medialive-port.ts';

/** What the account may have of MediaLive. The only file that knows the SDK of Service Quotas. */
export async function readMediaLiveQuotas(options: {
  region?: string | undefined;
  endpoint?: string | undefined;
}): Promise<Quotas> {
  const { region, endpoint } = options;
  const client = new ServiceQuotasClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
  });
  const byName = new Map<string, number>();
  try {
    for await (const page of paginateListServiceQuotas({ client }, { ServiceCode: 'medialive' })) {
      for (const { QuotaName = '', Value } of page.Quotas ?? []) {
        if (Value !== undefined) byName.set(QuotaName.toLowerCase(), Value);
      }
    }
  } catch (thrown) {
    throw asMediaLiveError(thrown, 'servicequotas:ListServiceQuotas');
  } finally {
    client.destroy();
  }
  return {
    channels: byName.get('channels'),
    pushInputs: byName.get('push inputs'),
    pullInputs: byName.get('pull inputs'),
    groups: byName.get('input security groups'),
  };
}
