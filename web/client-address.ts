import { BlockList, isIP } from 'node:net';

import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';

/** A chain of proxies is short; a longer header is somebody's invention. */
const hopsMax = 10;

export type ClientAddressOf = (context: Context) => string;

/**
 * From where a request comes, to count who guesses: an address, of version 6 its network. The connection's own; where that is one of `proxies` (addresses and CIDR blocks),
 * what it says in `X-Forwarded-For`, read from its right end: what stands left of the last address that we do not trust may have been written by anybody.
 */
export function clientAddressOf(proxies: readonly string[]): ClientAddressOf {
  const trusted = new BlockList();
  for (const proxy of proxies) addTo(trusted, proxy);
  const isTrusted = (address: string): boolean => {
    const version = isIP(address);
    return version !== 0 && trusted.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
  return (context) => {
    let address = plain(remoteAddress(context));
    const hops = (context.req.header('x-forwarded-for') ?? '').split(',').slice(-hopsMax);
    while (isTrusted(address)) {
      const said = plain(hops.pop()?.trim() ?? '');
      if (isIP(said) === 0) break;
      address = said;
    }
    return networkOf(address);
  };
}

/** Of version 6 the first 64 bits: whoever has one address has all that begin so, a fresh one for each guess. */
function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [front = '', back] = (address.split('%')[0] ?? '').split('::');
  const [before, behind] = [front, back ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = back === undefined ? 0 : 8 - (before?.length ?? 0) - (behind?.length ?? 0);
  const groups = [...(before ?? []), ...Array<string>(Math.max(0, zeros)).fill('0'), ...(behind ?? [])];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

function addTo(list: BlockList, proxy: string): void {
  const [address = '', bits] = proxy.split('/');
  const type = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  if (bits === undefined) list.addAddress(address, type);
  else list.addSubnet(address, Number(bits), type);
}

function remoteAddress(context: Context): string {
  try {
    return getConnInfo(context).remote.address ?? 'unknown';
  } catch {
    // Not over a socket: a test.
    return 'unknown';
  }
}

/** `::ffff:10.0.0.1` is 10.0.0.1 that came to a socket of both families. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
