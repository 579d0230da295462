/**
 * What a running channel costs, for the guard and for people; the bill is AWS's. Taken from the service's price examples for
 * us-east-1 (AVC, one pipeline: an HD input of 10 to 20 Mb/s and an HD output below 10 Mb/s). Both are charged while the
 * channel runs, whether content arrives or not, for ten minutes at the least.
 */
export const priceTable = {
  asOf: '2026-09-30',
  region: 'us-east-1',
  inputUsdPerHour: 0.294,
  outputUsdPerHour: 0.702,
} as const;

/** An upper estimate: the second pipeline of a STANDARD channel counts as a whole one. */
export function usdPerHour(channel: { isStandard: boolean }): number {
  return (channel.isStandard ? 2 : 1) * (priceTable.inputUsdPerHour + priceTable.outputUsdPerHour);
}
