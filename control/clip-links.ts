import type { Kysely, Selectable } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { ClipSidecar, Preset } from '../core/clip.ts';
import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { Secret } from '../core/secret.ts';
import type { Tables } from '../store/schema.ts';
import { EventLog } from './event-log.ts';
import { hashOf } from './accounts/secrets.ts';
import { drawLinkSecret, isLinkSecret, isUseNews } from './link-secret.ts';
import { actorOf } from './principal.ts';

export interface ClipLinkView {
  id: string;
  /** Who made it, for people. */
  by: string;
  madeBy: Actor;
  revokedBy: Actor | null;
  createdAtMs: number;
  expiresAtMs: number;
  revokedAtMs: number | null;
  /** To the minute; null: nobody came yet. */
  lastUsedAtMs: number | null;
}

/** What whoever has a link may see: the finished files of one clip, as they are now, and its title. */
export interface LinkedClip {
  title: string;
  startWallMs: number;
  durationMs: number;
  expiresAtMs: number;
  files: readonly { preset: Preset; key: string; width: number; height: number }[];
}

/** One for each chat that a clip goes to; more is a script gone wild. */
const openLinksMax = 100;
const listedMax = 200;
/** What is taken along; the others serve the editor's page. */
const publicPresets: readonly Preset[] = ['wide', 'vertical', 'square', 'thumbnail'];

/** Addresses that play one clip for people without an account: shown once, kept as hashes, over when their time has come. */
export class ClipLinks {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events: EventLog;

  constructor(options: { db: Kysely<Tables>; clock: Clock; random: Random }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#events = new EventLog(options);
  }

  /** @throws TouchlineError `clip.not-found`, `clip-link.conflict` (rejected), `clip-link.taken` (too many are open) */
  async make(
    clipId: string,
    wish: { expiresInMs: number; by: Actor },
  ): Promise<{ link: ClipLinkView; secret: Secret }> {
    const secret = drawLinkSecret(this.#random);
    const nowMs = this.#clock.nowMs();
    const row = {
      id: newId('cln', this.#random),
      clip_id: clipId,
      hash: hashOf(secret),
      made_by: actorOf(wish.by),
      created_at_ms: nowMs,
      expires_at_ms: nowMs + wish.expiresInMs,
      revoked_at_ms: null,
      last_used_at_ms: null,
      revoked_by: null,
    };
    await this.#db.transaction().execute(async (db) => {
      // Locked, so that two who make the last one at once do not both get it.
      const clip = await db
        .selectFrom('clips')
        .innerJoin('moments', 'moments.id', 'clips.moment_id')
        .select(['moments.state', 'moments.decision', 'clips.channel_id', 'clips.run_id'])
        .where('clips.id', '=', clipId)
        .forUpdate('clips')
        .executeTakeFirst();
      if (!clip || clip.state === 'withdrawn') {
        throw refusal('clip.not-found', `there is no finished clip "${clipId}"`);
      }
      if (clip.decision === 'rejected') {
        throw refusal(
          'clip-link.conflict',
          'the clip is rejected, so a link would open nothing: take that back first',
        );
      }
      const { count } = await db
        .selectFrom('clip_links')
        .select((select) => select.fn.countAll<number>().as('count'))
        .where('clip_id', '=', clipId)
        .where('revoked_at_ms', 'is', null)
        .where('expires_at_ms', '>', nowMs)
        .executeTakeFirstOrThrow();
      if (count >= openLinksMax) {
        throw refusal('clip-link.taken', `the clip has ${count} open links already: revoke one first`);
      }
      await db.insertInto('clip_links').values(row).execute();
      await this.#tellOf(db, { ...clip, clipId, linkId: row.id, by: wish.by, what: 'made' });
    });
    return { link: viewOf(row), secret: new Secret(secret) };
  }

  /** Newest first, those that are over as well. */
  async list(clipId: string): Promise<ClipLinkView[]> {
    const rows = await this.#db
      .selectFrom('clip_links')
      .selectAll()
      .where('clip_id', '=', clipId)
      .orderBy('created_at_ms', 'desc')
      .orderBy('id')
      .limit(listedMax)
      .execute();
    return rows.map(viewOf);
  }

  /** The link is over at once. @throws TouchlineError `clip-link.not-found` */
  async revoke(clipId: string, linkId: string, by: Actor): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      const clip = await db
        .updateTable('clip_links')
        .from('clips')
        .set({ revoked_at_ms: this.#clock.nowMs(), revoked_by: actorOf(by) })
        .whereRef('clips.id', '=', 'clip_links.clip_id')
        .where('clip_links.id', '=', linkId)
        .where('clip_links.clip_id', '=', clipId)
        .where('clip_links.revoked_at_ms', 'is', null)
        .returning(['clips.channel_id', 'clips.run_id'])
        .executeTakeFirst();
      if (!clip) throw refusal('clip-link.not-found', `the clip has no open link "${linkId}"`);
      await this.#tellOf(db, { ...clip, clipId, linkId, by, what: 'revoked' });
    });
  }

  async #tellOf(
    db: Kysely<Tables>,
    about: {
      channel_id: string;
      run_id: string;
      clipId: string;
      linkId: string;
      by: Actor;
      what: 'made' | 'revoked';
    },
  ): Promise<void> {
    const { channel_id: channelId, run_id: runId, clipId, linkId: subjectId, by, what } = about;
    const data = { what, clipId };
    await this.#events.append(db, [{ kind: 'link.changed', channelId, runId, subjectId, by, data }]);
  }

  /** What a secret opens; undefined for one that is wrong, over or revoked, `gone` where the clip was rejected or taken back since. */
  async open(secret: Secret): Promise<LinkedClip | 'gone' | undefined> {
    const text = secret.reveal();
    if (!isLinkSecret(text)) return undefined;
    const nowMs = this.#clock.nowMs();
    // Found by its hash: 128 bits cannot be felt out by how long an index takes.
    const row = await this.#db
      .selectFrom('clip_links')
      .innerJoin('clips', 'clips.id', 'clip_links.clip_id')
      .innerJoin('moments', 'moments.id', 'clips.moment_id')
      .select([
        'clip_links.id',
        'clip_links.expires_at_ms',
        'clip_links.last_used_at_ms',
        'clips.sidecar',
        'moments.title',
        'moments.label',
        'moments.state',
        'moments.decision',
      ])
      .where('clip_links.hash', '=', hashOf(text))
      .where('clip_links.revoked_at_ms', 'is', null)
      .where('clip_links.expires_at_ms', '>', nowMs)
      .executeTakeFirst();
    if (!row) return undefined;
    if (row.state === 'withdrawn' || row.decision === 'rejected') return 'gone';
    if (isUseNews(row.last_used_at_ms, nowMs)) {
      await this.#db
        .updateTable('clip_links')
        .set({ last_used_at_ms: nowMs })
        .where('id', '=', row.id)
        .execute();
    }
    const files = filesOf(row.sidecar);
    return {
      title: row.title || row.label,
      startWallMs: row.sidecar.startWallMs,
      durationMs: row.sidecar.renditions.find(({ preset }) => preset === 'wide')?.durationMs ?? 0,
      expiresAtMs: row.expires_at_ms,
      files,
    };
  }
}

/** A shape that was made of an older edit than the clip itself shows another stretch: it is not offered until it is made anew. */
function filesOf({ renditions }: ClipSidecar): LinkedClip['files'] {
  const newest = renditions.find(({ preset }) => preset === 'wide')?.editVersion ?? 0;
  return renditions.flatMap(({ preset, key, width, height, editVersion = 0 }) =>
    publicPresets.includes(preset) && (editVersion >= newest || preset === 'thumbnail')
      ? [{ preset, key, width, height }]
      : [],
  );
}

function viewOf(row: Selectable<Tables['clip_links']>): ClipLinkView {
  return {
    id: row.id,
    by: row.made_by.name,
    madeBy: row.made_by,
    revokedBy: row.revoked_by,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    revokedAtMs: row.revoked_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
  };
}

function refusal(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
