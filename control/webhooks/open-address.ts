import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

import { TouchlineError } from '../../core/errors.ts';

/**
 * Where a webhook must not go unless its operator says so: this machine, the networks behind it, the metadata of a cloud, and
 * what is nobody's (IANA special-purpose registries, RFC 6890). IPv4 written as IPv6 counts as the IPv4 that it is.
 */
const closed = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  closed.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  // Unspecified, loopback, and IPv4 in its oldest clothes.
  ['::', 96],
  // NAT64, 6to4 and Teredo lead to an IPv4 address of the writer's choice.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  closed.addSubnet(network, bits, 'ipv6');
}

/** Without the brackets around an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

export function isOpenAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !closed.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

type Resolve = (
  name: string,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves a name for the connection that is made with it, and refuses the whole name when one of its addresses is closed. That
 * it happens at this moment is the point: a name that was looked at earlier may lead elsewhere by now (DNS rebinding).
 */
export function openLookup(
  resolve: Resolve = (name, done) => resolveName(name, { all: true }, done),
): LookupFunction {
  return (name, options, done) => {
    resolve(name, (error, addresses) => {
      if (error) return done(error, []);
      const refused = addresses.find(({ address }) => !isOpenAddress(address));
      if (refused) return done(closedAddress(name), []);
      const wanted = addresses.filter(({ family }) => !options.family || family === options.family);
      const [first] = wanted;
      if (!first) return done(new Error(`"${name}" has no address`), []);
      return options.all ? done(null, wanted) : done(null, first.address, first.family);
    });
  };
}

export function closedAddress(name: string): TouchlineError {
  return new TouchlineError({
    code: 'webhook.closed',
    message: `${name} leads to an address of this machine or of a private network, where webhooks do not go; TOUCHLINE_WEBHOOKS_PRIVATE=allow lets them`,
    retryable: false,
    blame: 'caller',
  });
}
