import type { Kysely, Selectable } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { Secret } from '../core/secret.ts';
import type { Tables } from '../store/schema.ts';
import { EventLog } from './event-log.ts';
import { hashOf } from './accounts/secrets.ts';
import { Keys, keyText } from './keys.ts';
import { actorOf } from './principal.ts';
import { drawLinkSecret, isLinkSecret, isUseNews } from './link-secret.ts';

export interface ShareLinkWish {
  label: string;
  expiresInMs: number;
  withKey: boolean;
}

export interface ShareLinkView {
  id: string;
  label: string;
  keyId: string | null;
  createdAtMs: number;
  expiresAtMs: number;
  revokedAtMs: number | null;
  lastUsedAtMs: number | null;
  /** Null where it was not written down yet. */
  madeBy: Actor | null;
  revokedBy: Actor | null;
}

/** What the secret of a link opens. */
export interface OpenedLink {
  linkId: string;
  channelId: string;
  expiresAtMs: number;
  /** The publishing key that its page shows; undefined when it was made without, or the key was revoked. */
  key: Secret | undefined;
}

/** A camera position each, and some for those who help; more is a script gone wild. */
const liveLinksMax = 50;

/**
 * Links to the contributor's page of one channel: shown once, kept as hashes, and over when their time has come. The key that a
 * link shows has bits that follow from the link's secret (SHA-256 under a name of its own, cut to 128 bits): whoever has the link
 * can be shown it at any time, and the ledger, which has the hashes of both, can read neither.
 */
export class ShareLinks {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #keys: Keys;
  readonly #events: EventLog;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#keys = new Keys(options);
    this.#events = new EventLog(options);
  }

  /** @throws TouchlineError `channel.not-found`, `share-link.taken` (too many are open) */
  async make(
    channelId: string,
    wish: ShareLinkWish,
    by: Actor,
  ): Promise<{ link: ShareLinkView; secret: Secret }> {
    const secret = drawLinkSecret(this.#random);
    const nowMs = this.#clock.nowMs();
    const id = newId('shr', this.#random);
    await this.#db.transaction().execute(async (db) => {
      const channel = await db
        .selectFrom('channels')
        .select('id')
        .where('id', '=', channelId)
        .where('state', '<>', 'deleted')
        .forUpdate()
        .executeTakeFirst();
      if (!channel) throw refusal('channel.not-found', `there is no channel "${channelId}"`);
      const open = (await this.#list(db, channelId)).filter(
        (link) => link.revokedAtMs === null && link.expiresAtMs > nowMs,
      );
      if (open.length >= liveLinksMax) {
        throw refusal(
          'share-link.taken',
          `the channel has ${open.length} open links already: revoke one first`,
        );
      }
      await db
        .insertInto('share_links')
        .values({
          id,
          channel_id: channelId,
          label: wish.label,
          hash: hashOf(secret),
          created_at_ms: nowMs,
          expires_at_ms: nowMs + wish.expiresInMs,
          revoked_at_ms: null,
          last_used_at_ms: null,
          made_by: actorOf(by),
        })
        .execute();
      if (wish.withKey) await this.#keys.issueForLink(db, channelId, { id, bits: keyBits(secret), by });
      const data = { what: 'made', label: wish.label };
      await this.#events.append(db, [{ kind: 'link.changed', channelId, subjectId: id, by, data }]);
    });
    const link = (await this.list(channelId)).find((one) => one.id === id);
    if (!link) throw refusal('share-link.not-found', `the link "${id}" was revoked while it was made`);
    return { link, secret: new Secret(secret) };
  }

  /** Newest first, those that are over as well. */
  async list(channelId: string): Promise<ShareLinkView[]> {
    return await this.#list(this.#db, channelId);
  }

  /** The link is over at once, and so is the key that it showed. @throws TouchlineError `share-link.not-found` */
  async revoke(channelId: string, linkId: string, by: Actor): Promise<void> {
    const revoked = { revoked_at_ms: this.#clock.nowMs(), revoked_by: actorOf(by) };
    await this.#db.transaction().execute(async (db) => {
      const done = await db
        .updateTable('share_links')
        .set(revoked)
        .where('id', '=', linkId)
        .where('channel_id', '=', channelId)
        .where('revoked_at_ms', 'is', null)
        .executeTakeFirst();
      if (done.numUpdatedRows === 0n) {
        throw refusal('share-link.not-found', `the channel has no open link "${linkId}"`);
      }
      await db
        .updateTable('channel_keys')
        .set(revoked)
        .where('share_link_id', '=', linkId)
        .where('revoked_at_ms', 'is', null)
        .execute();
      const data = { what: 'revoked' };
      await this.#events.append(db, [{ kind: 'link.changed', channelId, subjectId: linkId, by, data }]);
    });
  }

  /** What a secret opens; undefined for one that is wrong, over or revoked, or whose channel is gone. */
  async open(secret: Secret): Promise<OpenedLink | undefined> {
    const text = secret.reveal();
    if (!isLinkSecret(text)) return undefined;
    const nowMs = this.#clock.nowMs();
    // Found by its hash: 128 bits cannot be felt out by how long an index takes.
    const row = await this.#db
      .selectFrom('share_links')
      .innerJoin('channels', 'channels.id', 'share_links.channel_id')
      .leftJoin('channel_keys', (join) =>
        join
          .onRef('channel_keys.share_link_id', '=', 'share_links.id')
          .on('channel_keys.revoked_at_ms', 'is', null),
      )
      .select([
        'share_links.id',
        'share_links.channel_id',
        'share_links.expires_at_ms',
        'share_links.last_used_at_ms',
        'channel_keys.id as key_id',
      ])
      .where('share_links.hash', '=', hashOf(text))
      .where('share_links.revoked_at_ms', 'is', null)
      .where('share_links.expires_at_ms', '>', nowMs)
      .where('channels.state', '<>', 'deleted')
      .executeTakeFirst();
    if (!row) return undefined;
    if (isUseNews(row.last_used_at_ms, nowMs)) {
      await this.#db
        .updateTable('share_links')
        .set({ last_used_at_ms: nowMs })
        .where('id', '=', row.id)
        .execute();
    }
    return {
      linkId: row.id,
      channelId: row.channel_id,
      expiresAtMs: row.expires_at_ms,
      key: row.key_id === null ? undefined : new Secret(keyText(row.key_id, keyBits(text))),
    };
  }

  async #list(db: Kysely<Tables>, channelId: string): Promise<ShareLinkView[]> {
    const rows = await db
      .selectFrom('share_links')
      .leftJoin('channel_keys', 'channel_keys.share_link_id', 'share_links.id')
      .selectAll('share_links')
      .select('channel_keys.id as key_id')
      .where('share_links.channel_id', '=', channelId)
      .orderBy('share_links.created_at_ms', 'desc')
      .orderBy('share_links.id')
      .limit(200)
      .execute();
    return rows.map(viewOf);
  }
}

function viewOf(row: Selectable<Tables['share_links']> & { key_id: string | null }): ShareLinkView {
  return {
    id: row.id,
    label: row.label,
    keyId: row.key_id,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    madeBy: row.made_by,
    revokedBy: row.revoked_by,
  };
}

function keyBits(secret: string): Uint8Array {
  return hashOf(`touchline publishing key of ${secret}`).subarray(0, 16);
}

function refusal(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
