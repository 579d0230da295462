import type { Kysely, Transaction } from 'kysely';

import type { Actor } from '../core/actor.ts';
import { TouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Secret } from '../core/secret.ts';
import type { Tables } from '../store/schema.ts';
import { EventLog, lastEventId } from './event-log.ts';
import { actorOf } from './principal.ts';
import {
  Courier,
  isFree,
  leaseMs,
  seen,
  type CourierOptions,
  type DeliveryRow,
  type WebhookRow,
} from './webhooks/courier.ts';
import { webhookEventTypes, type WebhookEventType } from './webhooks/event-types.ts';
import { closedAddress, hostOf, isOpenAddress } from './webhooks/open-address.ts';
import { whyOf } from './webhooks/outcome.ts';
import { drawWebhookSecret } from './webhooks/signature.ts';

export interface WebhookWish {
  url: string;
  description: string;
  eventTypes: readonly WebhookEventType[];
}

export interface WebhookView {
  id: string;
  url: string;
  description: string;
  eventTypes: WebhookEventType[];
  isEnabled: boolean;
  /** Why the server turned it off; null when a person did. */
  disabledWhy: string | null;
  /** The first of the failures since the last success. */
  failingSinceMs: number | null;
  /** Until then the secret before this one signs as well. */
  oldSecretUntilMs: number | null;
  waitingCount: number;
  createdAtMs: number;
  /** Null where it was not written down yet. */
  createdBy: Actor | null;
  /** Of its address, its events, its secret, or whether it is on; null: nothing was since. */
  changedBy: Actor | null;
  changedAtMs: number | null;
}

export interface WebhookDeliveryView {
  /** `webhook-id`: the same at every try. */
  id: string;
  webhookId: string;
  type: string;
  state: 'waiting' | 'delivered' | 'failed';
  tries: number;
  createdAtMs: number;
  /** Null when there is none. */
  nextAtMs: number | null;
  lastAtMs: number | null;
  status: number | null;
  tookMs: number | null;
  /** How the last answer began. */
  answer: string | null;
  why: string | null;
}

/** Each costs a look at every event. */
const webhooksMax = 50;
/** What a receiver has to change over to a new secret. */
const bothSecretsMs = 24 * 3_600_000;

/** Who outside is told what happens here, and how that went. */
export class WebhookDesk {
  readonly #options: CourierOptions;
  readonly #db: Kysely<Tables>;
  readonly #courier: Courier;
  readonly #events: EventLog;
  readonly #stopping = new AbortController();

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#db = options.db;
    this.#courier = new Courier(options);
    this.#events = new EventLog(options);
  }

  /** Something may be there to tell of. */
  wake(): void {
    this.#courier.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#courier.run(signal);
    } finally {
      this.#stopping.abort(new Error('the server ends'));
    }
  }

  async list(): Promise<WebhookView[]> {
    const rows = await this.#db
      .selectFrom('webhooks')
      .selectAll()
      .select((expression) =>
        expression
          .selectFrom('webhook_deliveries')
          .whereRef('webhook_deliveries.webhook_id', '=', 'webhooks.id')
          .where('state', '=', 'waiting')
          .select((count) => count.fn.countAll<number>().as('count'))
          .as('waiting_count'),
      )
      .orderBy('created_at_ms')
      .orderBy('id')
      .execute();
    return rows.map((row) => this.#viewOf(row, row.waiting_count ?? 0));
  }

  /** @throws TouchlineError `webhook.not-found` */
  async get(id: string): Promise<WebhookView> {
    return (await this.list()).find((webhook) => webhook.id === id) ?? notFound(id);
  }

  /** Told of what happens from now on. @throws TouchlineError `webhook.invalid`, `webhook.taken` */
  async create(wish: WebhookWish, by: Actor): Promise<{ webhook: WebhookView; secret: Secret }> {
    const url = this.#checkedUrl(wish.url);
    const { box, clock, random } = this.#options;
    const id = newId('whk', random);
    const secret = drawWebhookSecret(random);
    await this.#db.transaction().execute(async (db) => {
      // Two at once must not both find room for one more.
      await db.selectFrom('webhook_cursor').select('event_id').forUpdate().execute();
      const { count } = await db
        .selectFrom('webhooks')
        .select((expression) => expression.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      if (count >= webhooksMax) {
        throw fault('webhook.taken', `there are ${webhooksMax} webhooks already: remove one first`);
      }
      await db
        .insertInto('webhooks')
        .values({
          id,
          url,
          description: wish.description,
          event_types: JSON.stringify(wish.eventTypes),
          is_enabled: true,
          disabled_why: null,
          secret: box.seal(secret, id),
          old_secret: null,
          old_secret_until_ms: null,
          after_event_id: await lastEventId(db),
          failing_since_ms: null,
          created_at_ms: clock.nowMs(),
          created_by: actorOf(by),
        })
        .execute();
      await this.#tellOf(db, { id, by, what: 'created' });
    });
    return { webhook: await this.get(id), secret };
  }

  /**
   * Turned on, it begins with what happens from now on; what waited when it was turned off is sent at once.
   *
   * @throws TouchlineError `webhook.not-found`, `webhook.invalid`
   */
  async change(
    id: string,
    wish: Partial<WebhookWish> & { isEnabled?: boolean },
    by: Actor,
  ): Promise<WebhookView> {
    const url = wish.url === undefined ? undefined : this.#checkedUrl(wish.url);
    const { clock } = this.#options;
    await this.#db.transaction().execute(async (db) => {
      const row = await db
        .selectFrom('webhooks')
        .select('is_enabled')
        .where('id', '=', id)
        .forUpdate()
        .executeTakeFirst();
      if (!row) notFound(id);
      const isTurnedOn = wish.isEnabled === true && !row.is_enabled;
      await db
        .updateTable('webhooks')
        .where('id', '=', id)
        .set({
          // Another receiver: what the one before did not take says nothing of it.
          ...(url === undefined ? {} : { url, failing_since_ms: null }),
          ...(wish.description === undefined ? {} : { description: wish.description }),
          ...(wish.eventTypes === undefined ? {} : { event_types: JSON.stringify(wish.eventTypes) }),
          // What is off already keeps its reason.
          is_enabled: wish.isEnabled ?? row.is_enabled,
          ...(isTurnedOn
            ? { disabled_why: null, failing_since_ms: null, after_event_id: await lastEventId(db) }
            : {}),
          ...this.#changed(by),
        })
        .execute();
      if (isTurnedOn) {
        await db
          .updateTable('webhook_deliveries')
          .set({ next_at_ms: clock.nowMs() })
          .where('webhook_id', '=', id)
          .where('state', '=', 'waiting')
          .execute();
      }
      await this.#tellOf(db, { id, by, what: 'changed', fields: Object.keys(wish) });
    });
    this.#courier.wake();
    return await this.get(id);
  }

  /** With all that waits for it, and its log. @throws TouchlineError `webhook.not-found` */
  async remove(id: string, by: Actor): Promise<void> {
    await this.#db.transaction().execute(async (db) => {
      const done = await db.deleteFrom('webhooks').where('id', '=', id).executeTakeFirst();
      if (done.numDeletedRows === 0n) notFound(id);
      await this.#tellOf(db, { id, by, what: 'removed' });
    });
  }

  /** A new secret; the one before it signs too, for a day. @throws TouchlineError `webhook.not-found` */
  async rotate(id: string, by: Actor): Promise<{ webhook: WebhookView; secret: Secret }> {
    const { box, clock, random } = this.#options;
    const secret = drawWebhookSecret(random);
    await this.#db.transaction().execute(async (db) => {
      const done = await db
        .updateTable('webhooks')
        .set((expression) => ({
          old_secret: expression.ref('secret'),
          old_secret_until_ms: clock.nowMs() + bothSecretsMs,
          secret: box.seal(secret, id),
          ...this.#changed(by),
        }))
        .where('id', '=', id)
        .executeTakeFirst();
      if (done.numUpdatedRows === 0n) notFound(id);
      await this.#tellOf(db, { id, by, what: 'secret rotated' });
    });
    return { webhook: await this.get(id), secret };
  }

  /** Sends `webhook.test` once, at once, also where the webhook is off, and waits for the answer. @throws TouchlineError `webhook.not-found` */
  async test(id: string): Promise<WebhookDeliveryView> {
    const { clock, random } = this.#options;
    const webhook = await this.#row(id);
    const atMs = clock.nowMs();
    const delivery = await this.#db
      .insertInto('webhook_deliveries')
      .values({
        id: newId('msg', random),
        webhook_id: id,
        type: 'webhook.test',
        body: JSON.stringify({
          type: 'webhook.test',
          timestamp: new Date(atMs).toISOString(),
          data: { version: 1, webhookId: id },
        }),
        // Never waiting, so that nobody else sends it; and right, should this process end before the answer comes.
        state: 'failed',
        why: 'the server ended before an answer came',
        next_at_ms: atMs,
        leased_until_ms: atMs + leaseMs,
        created_at_ms: atMs,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    const answer = await this.#courier.send(webhook, delivery, this.#stopping.signal);
    const why = whyOf(answer) ?? null;
    await this.#db
      .updateTable('webhook_deliveries')
      .set({
        ...seen(answer, clock.nowMs()),
        tries: 1,
        leased_until_ms: 0,
        state: why === null ? 'delivered' : 'failed',
        why,
      })
      .where('id', '=', delivery.id)
      .execute();
    return await this.#delivery(id, delivery.id);
  }

  /** Newest first. @throws TouchlineError `webhook.not-found` */
  async deliveries(id: string, limit: number): Promise<WebhookDeliveryView[]> {
    await this.#row(id);
    const rows = await this.#db
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('webhook_id', '=', id)
      .orderBy('ordinal', 'desc')
      .limit(limit)
      .execute();
    return rows.map(deliveryView);
  }

  /**
   * The same message once more, with all its tries ahead of it. Its `webhook-id` stays: a receiver that took it knows it.
   *
   * @throws TouchlineError `webhook.not-found`, `webhook.conflict` when the webhook is off or it is being sent at this moment
   */
  async again(id: string, deliveryId: string): Promise<WebhookDeliveryView> {
    const { clock } = this.#options;
    const webhook = await this.#row(id);
    if (!webhook.is_enabled) throw fault('webhook.conflict', 'the webhook is off: turn it on first');
    await this.#delivery(id, deliveryId);
    const nowMs = clock.nowMs();
    const done = await this.#db
      .updateTable('webhook_deliveries')
      .set({ state: 'waiting', tries: 0, next_at_ms: nowMs, created_at_ms: nowMs })
      .where('id', '=', deliveryId)
      .where(isFree(nowMs))
      .executeTakeFirst();
    if (done.numUpdatedRows === 0n) {
      throw fault('webhook.conflict', 'it is being sent at this moment: look again in a few seconds');
    }
    this.#courier.wake();
    return await this.#delivery(id, deliveryId);
  }

  #changed(by: Actor): { changed_by: Actor; changed_at_ms: number } {
    return { changed_by: actorOf(by), changed_at_ms: this.#options.clock.nowMs() };
  }

  /** Who did what to it. Never its address, which may hold a secret of the receiver's. */
  async #tellOf(
    db: Transaction<Tables>,
    { id, by, ...data }: { id: string; by: Actor; what: string; fields?: string[] },
  ): Promise<void> {
    await this.#events.append(db, [{ kind: 'webhook.changed', subjectId: id, by, data }]);
  }

  async #row(id: string): Promise<WebhookRow> {
    const row = await this.#db.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirst();
    return row ?? notFound(id);
  }

  async #delivery(webhookId: string, id: string): Promise<WebhookDeliveryView> {
    const row = await this.#db
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('webhook_id', '=', webhookId)
      .where('id', '=', id)
      .executeTakeFirst();
    if (!row) throw fault('webhook.not-found', `the webhook has no delivery "${id}" in its log`);
    return deliveryView(row);
  }

  /** What can be said without asking a name server; the rest is checked at each connection. */
  #checkedUrl(text: string): string {
    const { isPrivateAllowed } = this.#options;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      throw fault('webhook.invalid', 'url has to be an address such as https://example.com/hooks');
    }
    if (url.username !== '' || url.password !== '') {
      throw fault('webhook.invalid', 'url must hold no name and password: the signature proves who sends');
    }
    if (isPrivateAllowed) return url.href;
    const host = hostOf(url);
    const isLiteral = /^[\d.]+$|:/.test(host);
    if (/(^|\.)localhost\.?$/.test(host) || (isLiteral && !isOpenAddress(host))) {
      const { message } = closedAddress(url.hostname);
      throw fault('webhook.invalid', message);
    }
    if (url.protocol !== 'https:') {
      throw fault(
        'webhook.invalid',
        'url has to begin with https://; TOUCHLINE_WEBHOOKS_PRIVATE=allow takes http:// as well, for receivers of your own network',
      );
    }
    return url.href;
  }

  #viewOf(row: WebhookRow, waitingCount: number): WebhookView {
    const untilMs = row.old_secret_until_ms;
    return {
      id: row.id,
      url: row.url,
      description: row.description,
      eventTypes: webhookEventTypes.filter((type) => row.event_types.includes(type)),
      isEnabled: row.is_enabled,
      disabledWhy: row.disabled_why,
      failingSinceMs: row.failing_since_ms,
      oldSecretUntilMs: untilMs !== null && untilMs > this.#options.clock.nowMs() ? untilMs : null,
      waitingCount,
      createdAtMs: row.created_at_ms,
      createdBy: row.created_by,
      changedBy: row.changed_by,
      changedAtMs: row.changed_at_ms,
    };
  }
}

function deliveryView(row: DeliveryRow): WebhookDeliveryView {
  return {
    id: row.id,
    webhookId: row.webhook_id,
    type: row.type,
    state: row.state,
    tries: row.tries,
    createdAtMs: row.created_at_ms,
    nextAtMs: row.state === 'waiting' ? row.next_at_ms : null,
    lastAtMs: row.last_at_ms,
    status: row.status,
    tookMs: row.took_ms,
    answer: row.answer,
    why: row.why,
  };
}

function notFound(id: string): never {
  throw fault('webhook.not-found', `there is no webhook "${id}"`);
}

function fault(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
