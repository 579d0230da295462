import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';

import { clientAddressOf } from '../../web/client-address.ts';

async function addressSeen(proxies: string[], remoteAddress: string, forwarded?: string): Promise<string> {
  const addressOf = clientAddressOf(proxies);
  const app = new Hono().get('/', (context) => context.text(addressOf(context)));
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  const incoming = { socket: { remoteAddress, remotePort: 1, remoteFamily: 'IPv4' } };
  return await (await app.request('/', { headers }, { incoming })).text();
}

describe('where a request comes from', () => {
  it.each([
    [
      'is its connection, whatever it says, where no proxy is known',
      [],
      '203.0.113.7',
      '1.2.3.4',
      '203.0.113.7',
    ],
    ['is what the proxy says', ['10.0.0.1'], '10.0.0.1', '198.51.100.2', '198.51.100.2'],
    ['is its connection when that is no proxy of ours', ['10.0.0.1'], '10.0.0.2', '198.51.100.2', '10.0.0.2'],
    [
      'is not what somebody wrote before the proxy did',
      ['10.0.0.0/8'],
      '10.0.0.1',
      '6.6.6.6, 198.51.100.2',
      '198.51.100.2',
    ],
    ['is before all of our proxies', ['10.0.0.0/8', '::1'], '::1', '198.51.100.2, 10.1.2.3', '198.51.100.2'],
    ['is the proxy when it says nothing', ['10.0.0.1'], '10.0.0.1', undefined, '10.0.0.1'],
    ['is the proxy when what it says is no address', ['10.0.0.1'], '10.0.0.1', 'unknown', '10.0.0.1'],
    [
      'is read from a socket of both families',
      ['10.0.0.1'],
      '::ffff:10.0.0.1',
      '::ffff:198.51.100.2',
      '198.51.100.2',
    ],
    ['is the network in version 6', ['2001:db8::/32'], '2001:db8::5', '2001:470::9', '2001:470:0:0::/64'],
    [
      'is one network up to its last address',
      [],
      '2001:470:0:1:ffff:ffff:ffff:ffff',
      undefined,
      '2001:470:0:1::/64',
    ],
    ['is another one behind that', [], '2001:470:0:2::', undefined, '2001:470:0:2::/64'],
    ['is the same however it is written', [], '2001:0470:0000:1::7', undefined, '2001:470:0:1::/64'],
    ['is this machine in version 6', [], '::1', undefined, '0:0:0:0::/64'],
    ['is a link with the name of its card', [], 'fe80::1:2%eth0', undefined, 'fe80:0:0:0::/64'],
    [
      'is a network with an IPv4 address at its end',
      [],
      '64:ff9b::198.51.100.2',
      undefined,
      '64:ff9b:0:0::/64',
    ],
  ])('%s', async (_what, proxies, remote, forwarded, expected) => {
    expect(await addressSeen(proxies, remote, forwarded)).toBe(expected);
  });

  it('is found in a header without end, too', async () => {
    expect(await addressSeen(['10.0.0.0/8'], '10.0.0.1', Array(5_000).fill('10.0.0.9').join(','))).toBe(
      '10.0.0.9',
    );
  });
});
