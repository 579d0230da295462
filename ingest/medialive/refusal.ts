import { isOn, isThere } from './decide-action.ts';
import type { Listing, Quotas } from './medialive-port.ts';
import { nothingObserved, type Observed } from './observed-channel.ts';
import { priceTable, usdPerHour } from './price-table.ts';

/**
 * Why a channel may not be made or started now, before AWS is asked: a creation refused half way leaves things behind that cost.
 * Undefined when nothing speaks against it.
 */
export function refusalOf(options: {
  listing: Listing;
  quotas: Quotas | undefined;
  /** What there is of the channel already. */
  observed: Observed | undefined;
  channel: { isStandard: boolean; isPush: boolean; needsGroup: boolean };
  /** Of all channels of this environment that are on, and of those that were let in just now. */
  runningUsdPerHour: number;
  usdPerHourMax: number;
}): string | undefined {
  const { listing, quotas, channel } = options;
  const observed = options.observed ?? nothingObserved;
  if (!observed.channels.some(isThere)) {
    const inputs = listing.inputs.filter((one) => one.state !== 'DELETED' && one.isPush === channel.isPush);
    const limit = channel.isPush ? quotas?.pushInputs : quotas?.pullInputs;
    const refusal =
      full(
        'channels',
        listing.channels.filter(({ state }) => state !== 'DELETED').length,
        quotas?.channels,
      ) ??
      (observed.inputs.some(isThere)
        ? undefined
        : full(channel.isPush ? 'push inputs' : 'pull inputs', inputs.length, limit)) ??
      (!channel.needsGroup || observed.groups.some(isThere)
        ? undefined
        : full(
            'input security groups',
            listing.groups.filter(({ state }) => state !== 'DELETED').length,
            quotas?.groups,
          ));
    if (refusal !== undefined) return refusal;
  }
  if (observed.channels.some(isOn)) return undefined;
  const sum = options.runningUsdPerHour + usdPerHour(channel);
  if (sum <= options.usdPerHourMax) return undefined;
  return (
    `with it, MediaLive would cost about $${sum.toFixed(2)} an hour, more than the limit of $${options.usdPerHourMax} ` +
    `(prices of ${priceTable.asOf}): stop another channel, or raise TOUCHLINE_MEDIALIVE_USD_PER_HOUR`
  );
}

function full(what: string, things: number, limit: number | undefined): string | undefined {
  return limit === undefined || things < limit
    ? undefined
    : `the AWS account has ${things} MediaLive ${what} and may have ${limit}: delete some, or ask for more in Service Quotas`;
}
