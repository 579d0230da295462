import type { LookupAddress } from 'node:dns';

import { expect, it } from 'vitest';

import { isOpenAddress, openLookup } from '../../../control/webhooks/open-address.ts';

it.each([
  ['9.255.255.255', true],
  ['10.0.0.0', false],
  ['10.255.255.255', false],
  ['11.0.0.0', true],
  ['100.63.255.255', true],
  ['100.64.0.0', false],
  ['127.0.0.1', false],
  ['169.254.169.254', false],
  ['172.15.255.255', true],
  ['172.16.0.0', false],
  ['172.31.255.255', false],
  ['172.32.0.0', true],
  ['192.168.1.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['::1', false],
  ['::', false],
  ['::ffff:10.0.0.1', false],
  ['::ffff:8.8.8.8', true],
  ['64:ff9b::a00:1', false],
  ['2002:a00:1::', false],
  ['fd00:ec2::254', false],
  ['fe80::1', false],
  ['2606:4700::1111', true],
  ['example.com', false],
])('%s is open: %s', (address, isOpen) => {
  expect(isOpenAddress(address)).toBe(isOpen);
});

async function looked(addresses: LookupAddress[], options: { all?: boolean; family?: number } = {}) {
  const lookup = openLookup((_name, done) => done(null, addresses));
  return await new Promise((resolve) => {
    lookup('hooks.example', options, (error, address, family) =>
      resolve(error?.message ?? [address, family]),
    );
  });
}

it('a name with one closed address among open ones is refused whole: which one is connected to is not ours to say', async () => {
  const open = { address: '8.8.8.8', family: 4 };
  expect(await looked([open, { address: '10.0.0.1', family: 4 }], { all: true })).toContain('hooks.example');
  expect(await looked([open, { address: '::1', family: 6 }], { family: 4 })).toContain('private network');
  expect(await looked([open])).toEqual(['8.8.8.8', 4]);
  expect(await looked([open], { all: true })).toEqual([[open], undefined]);
  expect(await looked([open], { family: 6 })).toContain('has no address');
});
