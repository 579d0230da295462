import { timingSafeEqual } from 'node:crypto';

import type { Kysely } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { Secret } from '../core/secret.ts';
import type { Tables } from '../store/schema.ts';
import { hashOf } from './accounts/secrets.ts';
import type { IssuedKey, KeyView } from './match-desk.ts';
import { actorOf } from './principal.ts';

/** The old one and the new one while a contributor changes over. */
const liveKeysMax = 2;
/** `tl_<8 hex: its public id>_<32 hex: 128 random bits>`. */
const keyPattern = /^tl_([0-9a-f]{8})_[0-9a-f]{32}$/;

/** Publishing keys: given out once, kept as hashes, found by their public part, compared in constant time. */
export class Keys {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** @throws TouchlineError `key.taken` when the channel has two live keys already; those of share links do not count */
  async issue(db: Kysely<Tables>, channelId: string, by?: Actor): Promise<IssuedKey> {
    // Two requests at once must not both find room for one more.
    await db.selectFrom('channels').select('id').where('id', '=', channelId).forUpdate().execute();
    const live = await this.#ofPeople(db, channelId);
    if (live.length >= liveKeysMax) {
      throw new TouchlineError({
        code: 'key.taken',
        message: `the channel has ${live.length} keys already (${live.join(', ')}): revoke one first`,
        retryable: false,
        blame: 'caller',
      });
    }
    return await this.#insert(db, channelId, { bits: this.#random.bytes(16), by });
  }

  /** A key of a share link's own: its 128 bits are the caller's, who can tell them again. */
  async issueForLink(
    db: Kysely<Tables>,
    channelId: string,
    link: { id: string; bits: Uint8Array; by: Actor },
  ): Promise<IssuedKey> {
    return await this.#insert(db, channelId, { bits: link.bits, linkId: link.id, by: link.by });
  }

  async #insert(
    db: Kysely<Tables>,
    channelId: string,
    { bits, linkId, by }: { bits: Uint8Array; linkId?: string; by: Actor | undefined },
  ): Promise<IssuedKey> {
    const id = hex(this.#random.bytes(4));
    const key = keyText(id, bits);
    const createdAtMs = this.#clock.nowMs();
    const issuedBy = by ? actorOf(by) : null;
    await db
      .insertInto('channel_keys')
      .values({
        id,
        channel_id: channelId,
        hash: hashOf(key),
        created_at_ms: createdAtMs,
        revoked_at_ms: null,
        issued_by: issuedBy,
        ...(linkId === undefined ? {} : { share_link_id: linkId }),
      })
      .execute();
    return { id, createdAtMs, issuedBy, key: new Secret(key) };
  }

  async #ofPeople(db: Kysely<Tables>, channelId: string): Promise<string[]> {
    const rows = await db
      .selectFrom('channel_keys')
      .select('id')
      .where('channel_id', '=', channelId)
      .where('revoked_at_ms', 'is', null)
      .where('share_link_id', 'is', null)
      .orderBy('created_at_ms')
      .execute();
    return rows.map((row) => row.id);
  }

  async list(channelId: string, db: Kysely<Tables> = this.#db): Promise<KeyView[]> {
    const rows = await db
      .selectFrom('channel_keys')
      .select(['id', 'created_at_ms', 'issued_by'])
      .where('channel_id', '=', channelId)
      .where('revoked_at_ms', 'is', null)
      .orderBy('created_at_ms')
      .execute();
    return rows.map((row) => ({ id: row.id, createdAtMs: row.created_at_ms, issuedBy: row.issued_by }));
  }

  /** @throws TouchlineError `key.not-found` */
  async revoke(
    db: Kysely<Tables>,
    channelId: string,
    { keyId, by }: { keyId: string; by: Actor },
  ): Promise<void> {
    const done = await db
      .updateTable('channel_keys')
      .set({ revoked_at_ms: this.#clock.nowMs(), revoked_by: actorOf(by) })
      .where('id', '=', keyId)
      .where('channel_id', '=', channelId)
      .where('revoked_at_ms', 'is', null)
      .executeTakeFirst();
    if (done.numUpdatedRows > 0n) return;
    throw new TouchlineError({
      code: 'key.not-found',
      message: `the channel has no live key "${keyId}"`,
      retryable: false,
      blame: 'caller',
    });
  }

  /** The channel that a key opens; undefined for every wrong one, after the same work. */
  async authenticate(key: Secret): Promise<string | undefined> {
    const text = key.reveal();
    const id = keyPattern.exec(text)?.[1];
    const row = await this.#db
      .selectFrom('channel_keys')
      .innerJoin('channels', 'channels.id', 'channel_keys.channel_id')
      .leftJoin('share_links', 'share_links.id', 'channel_keys.share_link_id')
      .select(['channel_keys.channel_id', 'channel_keys.hash'])
      .where('channel_keys.id', '=', id ?? '')
      .where('channel_keys.revoked_at_ms', 'is', null)
      .where('channels.state', '<>', 'deleted')
      // The key of a share link ends with it.
      .where((either) =>
        either.or([
          either('share_links.id', 'is', null),
          either('share_links.expires_at_ms', '>', this.#clock.nowMs()),
        ]),
      )
      .executeTakeFirst();
    const isRight = timingSafeEqual(hashOf(text), row?.hash ?? noHash);
    return isRight ? row?.channel_id : undefined;
  }
}

/** A key as it is typed into an encoder. */
export function keyText(id: string, bits: Uint8Array): string {
  return `tl_${id}_${hex(bits)}`;
}

/** No text is known to have it. */
const noHash = Buffer.alloc(32);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
