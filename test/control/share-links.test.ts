import { beforeEach, describe, expect, it } from 'vitest';

import { EventLog } from '../../control/event-log.ts';
import { Keys } from '../../control/keys.ts';
import { ShareLinks } from '../../control/share-links.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
let nowMs = 1_000_000;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} };
const wish = { label: 'Camera 2', expiresInMs: 60_000, withKey: true };

let catalogue: Catalogue;
let links: ShareLinks;
let keys: Keys;
beforeEach(async () => {
  nowMs = 1_000_000;
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  const { db } = catalogue;
  for (const id of ['ch_one', 'ch_two']) {
    await db
      .insertInto('channels')
      .values({
        id,
        name: id,
        sport: 'generic',
        segment_ms: 4000,
        state: 'waiting',
        state_reason: null,
        is_wanted: true,
        run_id: null,
        created_at_ms: 0,
      })
      .execute();
  }
  links = new ShareLinks({ db, clock, random: systemRandom });
  keys = new Keys({ db, clock, random: systemRandom });
  return async () => await catalogue.close();
});

const ana = { kind: 'user', id: 'usr_ana', name: 'Ana' } as const;
const ben = { kind: 'user', id: 'usr_ben', name: 'Ben' } as const;

describe('a share link', () => {
  it('opens its one channel until its last millisecond, and not at its end', async () => {
    const { link, secret } = await links.make('ch_one', wish, ana);
    expect(link).toMatchObject({ label: 'Camera 2', createdAtMs: nowMs, expiresAtMs: nowMs + 60_000 });
    nowMs += 59_999;
    expect(await links.open(secret)).toMatchObject({ linkId: link.id, channelId: 'ch_one' });
    nowMs += 1;
    expect(await links.open(secret)).toBeUndefined();
  });

  it('shows a key that publishes to its channel, the same whenever it is opened', async () => {
    const { link, secret } = await links.make('ch_one', wish, ana);
    const first = await links.open(secret);
    const again = await links.open(secret);
    expect(first?.key?.reveal()).toMatch(/^tl_[0-9a-f]{8}_[0-9a-f]{32}$/);
    expect(again?.key?.reveal()).toBe(first?.key?.reveal());
    expect(await keys.authenticate(first?.key ?? new Secret(''))).toBe('ch_one');
    expect((await keys.list('ch_one')).map(({ id }) => id)).toEqual([link.keyId]);
  });

  it('is told of by who made it and who ended it, without what it opens', async () => {
    const { link, secret } = await links.make('ch_one', wish, ana);
    await links.revoke('ch_one', link.id, ben);
    await expect(links.revoke('ch_one', link.id, ana)).rejects.toMatchObject({
      code: 'share-link.not-found',
    });
    const told = (await new EventLog({ db: catalogue.db, clock }).since(0, 10)).slice(-2);
    expect(told).toMatchObject([
      { kind: 'link.changed', channelId: 'ch_one', subjectId: link.id, by: ana, data: { what: 'made' } },
      { kind: 'link.changed', channelId: 'ch_one', subjectId: link.id, by: ben, data: { what: 'revoked' } },
    ]);
    expect(JSON.stringify(told)).not.toContain(secret.reveal());
  });

  it('leaves neither its secret nor the key to be read in the ledger', async () => {
    const { secret } = await links.make('ch_one', wish, ana);
    const key = (await links.open(secret))?.key?.reveal() ?? '';
    const rows = [
      await catalogue.db.selectFrom('share_links').selectAll().execute(),
      await catalogue.db.selectFrom('channel_keys').selectAll().execute(),
    ];
    const bytes = Buffer.from(secret.reveal(), 'base64url');
    const kept = JSON.stringify(rows, (_name, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    );
    for (const readable of [secret.reveal(), bytes.toString('hex'), key, key.split('_')[2] ?? '']) {
      expect(readable.length).toBeGreaterThan(20);
      expect(kept).not.toContain(readable);
    }
  });

  it('is over when it is revoked, and its key with it; the links beside it stay', async () => {
    const { link, secret } = await links.make('ch_one', wish, ana);
    const other = await links.make('ch_one', wish, ana);
    const key = (await links.open(secret))?.key ?? new Secret('');
    await links.revoke('ch_one', link.id, ana);
    expect(await links.open(secret)).toBeUndefined();
    expect(await keys.authenticate(key)).toBeUndefined();
    expect(await links.open(other.secret)).toBeDefined();
    await expect(links.revoke('ch_one', link.id, ana)).rejects.toMatchObject({
      code: 'share-link.not-found',
    });
    await expect(links.revoke('ch_two', other.link.id, ana)).rejects.toMatchObject({
      code: 'share-link.not-found',
    });
    expect((await links.list('ch_one')).filter(({ revokedAtMs }) => revokedAtMs === null)).toHaveLength(1);
  });

  it('says who made it and who ended it, and so does its key', async () => {
    const { link } = await links.make('ch_one', wish, ana);
    expect(link).toMatchObject({ madeBy: ana, revokedBy: null });
    expect((await keys.list('ch_one')).map(({ issuedBy }) => issuedBy)).toEqual([ana]);
    await links.revoke('ch_one', link.id, ben);
    expect(await links.list('ch_one')).toMatchObject([{ madeBy: ana, revokedBy: ben }]);
    const rows = await catalogue.db.selectFrom('channel_keys').selectAll().execute();
    expect(rows).toMatchObject([{ issued_by: ana, revoked_by: ben }]);
  });

  it('ends its key with its time', async () => {
    const { secret } = await links.make('ch_one', wish, ana);
    const key = (await links.open(secret))?.key ?? new Secret('');
    nowMs += 59_999;
    expect(await keys.authenticate(key)).toBe('ch_one');
    nowMs += 1;
    expect(await keys.authenticate(key)).toBeUndefined();
  });

  it('goes on without a key that was revoked by itself, and has none when made without', async () => {
    const { link, secret } = await links.make('ch_one', wish, ana);
    await keys.revoke(catalogue.db, 'ch_one', { keyId: link.keyId ?? '', by: ben });
    expect(await links.open(secret)).toMatchObject({ channelId: 'ch_one', key: undefined });
    const without = await links.make('ch_one', { ...wish, withKey: false }, ana);
    expect(without.link.keyId).toBeNull();
    expect((await links.open(without.secret))?.key).toBeUndefined();
  });

  it('takes none of the two keys that people may have', async () => {
    await links.make('ch_one', wish, ana);
    await keys.issue(catalogue.db, 'ch_one');
    await links.make('ch_one', wish, ana);
    await keys.issue(catalogue.db, 'ch_one');
    await expect(keys.issue(catalogue.db, 'ch_one')).rejects.toMatchObject({ code: 'key.taken' });
  });

  it.each(['', 'x', 'A'.repeat(22), 'A'.repeat(23), "' or 1=1 --", 'ä'.repeat(22)])(
    'is not opened by %j',
    async (text) => {
      await links.make('ch_one', wish, ana);
      expect(await links.open(new Secret(text))).toBeUndefined();
    },
  );

  it('opens nothing when its channel was deleted, and is not made for one', async () => {
    const { secret } = await links.make('ch_two', wish, ana);
    await catalogue.db.updateTable('channels').set({ state: 'deleted' }).where('id', '=', 'ch_two').execute();
    expect(await links.open(secret)).toBeUndefined();
    await expect(links.make('ch_two', wish, ana)).rejects.toMatchObject({ code: 'channel.not-found' });
    await expect(links.make('ch_no', wish, ana)).rejects.toMatchObject({ code: 'channel.not-found' });
  });

  it('is one of 50 at the most; one that is over makes room', async () => {
    for (let count = 0; count < 50; count += 1) await links.make('ch_one', { ...wish, withKey: false }, ana);
    await expect(links.make('ch_one', wish, ana)).rejects.toMatchObject({ code: 'share-link.taken' });
    await links.make('ch_two', wish, ana);
    nowMs += 60_000;
    await links.make('ch_one', wish, ana);
  });

  it('notes that it was used once a minute, not with each look', async () => {
    const { secret } = await links.make('ch_one', { ...wish, expiresInMs: 600_000 }, ana);
    const used = async () => (await links.list('ch_one'))[0]?.lastUsedAtMs;
    expect(await used()).toBeNull();
    await links.open(secret);
    const firstMs = nowMs;
    nowMs += 59_999;
    await links.open(secret);
    expect(await used()).toBe(firstMs);
    nowMs += 1;
    await links.open(secret);
    expect(await used()).toBe(nowMs);
  });
});
