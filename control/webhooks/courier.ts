import type { ExpressionBuilder, Kysely, Selectable } from 'kysely';

import { Bell } from '../../core/bell.ts';
import type { Clock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { isWorthALine, type Log } from '../../core/log.ts';
import type { Random } from '../../core/random.ts';
import type { Secret } from '../../core/secret.ts';
import type { Tables } from '../../store/schema.ts';
import { fanOut } from './fan-out.ts';
import { failingMsMax, outcomeOf, whyOf } from './outcome.ts';
import type { SecretBox } from './secret-box.ts';
import { answerMsMax, sendWebhook, type Answer } from './send.ts';
import { signedHeaders } from './signature.ts';

export type WebhookRow = Selectable<Tables['webhooks']>;
export type DeliveryRow = Selectable<Tables['webhook_deliveries']>;

export interface CourierOptions {
  db: Kysely<Tables>;
  clock: Clock;
  random: Random;
  log: Log;
  box: SecretBox;
  isPrivateAllowed: boolean;
  /** For the receiver's log: `touchline/0.1.0`. */
  agent: string;
}

/** A slow receiver keeps these to itself; the others have theirs. */
const perWebhookMax = 4;
/** Twice what a try may take: whoever holds it longer than that is dead. */
export const leaseMs = 2 * answerMsMax;
/** Wake-ups come from this process; the look every second finds tries that are due, and what a crash left behind. */
const pollMs = 1_000;
const retryMsMax = 30_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** What the log of a webhook holds; a busy match makes some hundred deliveries. */
const keptCountMax = 500;
const keptMsMax = 30 * dayMs;
/** What a webhook that is off may have waiting, and for how long: then it is too old to be news. */
const waitingCountMax = 10_000;
const waitingMsMax = 7 * dayMs;

/**
 * Carries deliveries to their receivers, each at least once: what is due is leased in the database, sent, and its outcome written
 * down under the same lease. Two of these on one database never hold the same delivery at once.
 */
export class Courier {
  readonly #options: CourierOptions;
  /** By webhook. */
  readonly #underWay = new Map<string, number>();
  readonly #sending = new Set<Promise<void>>();
  readonly #bell = new Bell();

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  wake(): void {
    this.#bell.ring();
  }

  /** Works until `signal` aborts; what is under way then is given back, and goes out again after the next start. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, db } = this.#options;
    let failures = 0;
    let prunedAtMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      try {
        while (await fanOut(db, clock.nowMs()));
        await this.#sendDue(signal);
        if (clock.monotonicMs() - prunedAtMs > hourMs) {
          prunedAtMs = clock.monotonicMs();
          await this.prune();
        }
        failures = 0;
        await this.#bell.wait(pollMs, clock, signal).catch(() => undefined);
      } catch (error) {
        failures += 1;
        if (isWorthALine(failures)) log.warn('webhooks wait for the database', { error, failures });
        await clock.sleep(Math.min(retryMsMax, 500 * 2 ** failures), signal).catch(() => undefined);
      }
    }
    await Promise.allSettled(this.#sending);
  }

  /** One try, whatever the webhook's state; for the test button, which waits for the answer. */
  async send(webhook: WebhookRow, delivery: DeliveryRow, signal: AbortSignal): Promise<Answer> {
    const { clock, isPrivateAllowed, agent } = this.#options;
    let secrets: Secret[];
    try {
      secrets = this.#secretsOf(webhook);
    } catch (thrown) {
      return { kind: 'refused', why: asTouchlineError(thrown).message, tookMs: 0 };
    }
    const { id, body } = delivery;
    const headers = signedHeaders({ id, atMs: clock.nowMs(), body }, secrets);
    return await sendWebhook(
      { url: webhook.url, headers: { ...headers, 'user-agent': agent }, body },
      { isPrivateAllowed, clock, signal },
    );
  }

  /** Ends what has waited too long, and removes what nobody looks at any more. */
  async prune(): Promise<void> {
    const { db, clock } = this.#options;
    const nowMs = clock.nowMs();
    const webhooks = await db.selectFrom('webhooks').select('id').execute();
    for (const { id } of webhooks) {
      const ofIt = db.selectFrom('webhook_deliveries').select('ordinal').where('webhook_id', '=', id);
      const waiting = ofIt.where('state', '=', 'waiting').orderBy('ordinal', 'desc');
      const oldestWaiting = await waiting.offset(waitingCountMax).limit(1).executeTakeFirst();
      await db
        .updateTable('webhook_deliveries')
        .set({ state: 'failed', why: 'it waited too long, or too many wait: it is no news any more' })
        .where('webhook_id', '=', id)
        .where('state', '=', 'waiting')
        .where(isFree(nowMs))
        .where((either) =>
          either.or([
            either('created_at_ms', '<=', nowMs - waitingMsMax),
            either('ordinal', '<=', oldestWaiting?.ordinal ?? -1),
          ]),
        )
        .execute();
      const over = ofIt.where('state', '<>', 'waiting').orderBy('ordinal', 'desc');
      const oldest = await over.offset(keptCountMax).limit(1).executeTakeFirst();
      await db
        .deleteFrom('webhook_deliveries')
        .where('webhook_id', '=', id)
        .where('state', '<>', 'waiting')
        .where((either) =>
          either.or([
            either('created_at_ms', '<=', nowMs - keptMsMax),
            either('ordinal', '<=', oldest?.ordinal ?? -1),
          ]),
        )
        .execute();
    }
  }

  async #sendDue(signal: AbortSignal): Promise<void> {
    const { db, clock } = this.#options;
    const nowMs = clock.nowMs();
    const due = await db
      .selectFrom('webhook_deliveries')
      .innerJoin('webhooks', 'webhooks.id', 'webhook_deliveries.webhook_id')
      .select('webhook_id')
      .distinct()
      .where('webhooks.is_enabled', '=', true)
      .where('state', '=', 'waiting')
      .where('next_at_ms', '<=', nowMs)
      .where(isFree(nowMs))
      .execute();
    for (const { webhook_id: webhookId } of due) {
      const free = perWebhookMax - (this.#underWay.get(webhookId) ?? 0);
      if (free <= 0) continue;
      for (const delivery of await this.#lease(webhookId, free, nowMs)) this.#begin(delivery, signal);
    }
  }

  async #lease(webhookId: string, count: number, nowMs: number): Promise<DeliveryRow[]> {
    const { db } = this.#options;
    return await db
      .updateTable('webhook_deliveries')
      .set({ leased_until_ms: nowMs + leaseMs })
      .where('id', 'in', (query) =>
        query
          .selectFrom('webhook_deliveries')
          .select('id')
          .where('webhook_id', '=', webhookId)
          .where('state', '=', 'waiting')
          .where('next_at_ms', '<=', nowMs)
          .where(isFree(nowMs))
          .orderBy('ordinal')
          .limit(count)
          .forUpdate()
          .skipLocked(),
      )
      .returningAll()
      .execute();
  }

  #begin(delivery: DeliveryRow, signal: AbortSignal): void {
    const { webhook_id: webhookId } = delivery;
    this.#count(webhookId, 1);
    const sending = this.#carry(delivery, signal)
      .catch((error: unknown) =>
        // Its lease ends, and it goes out again.
        this.#options.log.warn('the outcome of a delivery could not be written down', {
          deliveryId: delivery.id,
          error,
        }),
      )
      .finally(() => {
        this.#sending.delete(sending);
        this.#count(webhookId, -1);
        // There is room for the next.
        this.wake();
      });
    this.#sending.add(sending);
  }

  #count(webhookId: string, change: 1 | -1): void {
    const count = (this.#underWay.get(webhookId) ?? 0) + change;
    if (count === 0) this.#underWay.delete(webhookId);
    else this.#underWay.set(webhookId, count);
  }

  async #carry(delivery: DeliveryRow, signal: AbortSignal): Promise<void> {
    const { db } = this.#options;
    const webhook = await db
      .selectFrom('webhooks')
      .selectAll()
      .where('id', '=', delivery.webhook_id)
      .executeTakeFirst();
    // Deleted meanwhile: its deliveries went with it.
    if (!webhook) return;
    let answer: Answer;
    try {
      answer = await this.send(webhook, delivery, signal);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
      await this.#giveBack(delivery);
      return;
    }
    await this.#settle(webhook, delivery, answer);
  }

  /** We end, which says nothing of the receiver. */
  async #giveBack({ id, leased_until_ms: lease }: DeliveryRow): Promise<void> {
    await this.#options.db
      .updateTable('webhook_deliveries')
      .set({ leased_until_ms: 0 })
      .where('id', '=', id)
      .where('leased_until_ms', '=', lease)
      .execute();
  }

  async #settle(webhook: WebhookRow, delivery: DeliveryRow, answer: Answer): Promise<void> {
    const { db, clock, random, log } = this.#options;
    const nowMs = clock.nowMs();
    const tries = delivery.tries + 1;
    const outcome = outcomeOf(answer, tries, nowMs, random);
    const disabledWhy = offWhy(webhook, outcome.kind, nowMs, whyOf(answer));
    await db.transaction().execute(async (db) => {
      const settled = await db
        .updateTable('webhook_deliveries')
        .set({
          ...seen(answer, nowMs),
          tries,
          leased_until_ms: 0,
          state: outcome.kind === 'again' ? 'waiting' : outcome.kind === 'delivered' ? 'delivered' : 'failed',
          why: outcome.kind === 'delivered' ? null : outcome.why,
          ...(outcome.kind === 'again' ? { next_at_ms: outcome.atMs } : {}),
        })
        .where('id', '=', delivery.id)
        .where('leased_until_ms', '=', delivery.leased_until_ms)
        .executeTakeFirst();
      if (settled.numUpdatedRows === 0n) return;
      const change = db.updateTable('webhooks').where('id', '=', webhook.id);
      if (outcome.kind === 'delivered') {
        await change.set({ failing_since_ms: null }).where('failing_since_ms', 'is not', null).execute();
        return;
      }
      await change.set({ failing_since_ms: nowMs }).where('failing_since_ms', 'is', null).execute();
      if (disabledWhy === undefined) return;
      await change
        .set({ is_enabled: false, disabled_why: disabledWhy })
        .where('is_enabled', '=', true)
        .execute();
    });
    if (disabledWhy !== undefined) {
      log.warn('a webhook was turned off', { webhookId: webhook.id, why: disabledWhy });
    }
  }

  #secretsOf(webhook: WebhookRow): Secret[] {
    const { box, clock } = this.#options;
    const { id, secret, old_secret: old, old_secret_until_ms: untilMs } = webhook;
    const isOldGood = old !== null && untilMs !== null && clock.nowMs() < untilMs;
    const current = box.open(secret, id);
    if (!isOldGood) return [current];
    try {
      return [current, box.open(old, id)];
    } catch {
      // Rotated because its key was lost: what cannot be opened must not stop the one that can.
      return [current];
    }
  }
}

/** Nobody sends it. A lease that ends later than any that begins now was made before the clock was set back. */
export function isFree(nowMs: number) {
  return (either: ExpressionBuilder<Tables, 'webhook_deliveries'>) =>
    either.or([either('leased_until_ms', '<=', nowMs), either('leased_until_ms', '>', nowMs + leaseMs)]);
}

/** What the log shows of a try. */
export function seen(answer: Answer, nowMs: number) {
  return {
    last_at_ms: nowMs,
    took_ms: answer.tookMs,
    status: answer.kind === 'answered' ? answer.status : null,
    answer: answer.kind === 'answered' ? answer.text : null,
  };
}

/** Why nothing more is sent to it until a person turns it on again; undefined: it stays on. */
function offWhy(
  webhook: WebhookRow,
  outcome: 'delivered' | 'again' | 'failed' | 'gone',
  nowMs: number,
  why: string | undefined,
): string | undefined {
  if (outcome === 'delivered') return undefined;
  if (outcome === 'gone') return why;
  const sinceMs = webhook.failing_since_ms;
  if (sinceMs === null || nowMs - sinceMs < failingMsMax) return undefined;
  return `nothing has been taken since ${new Date(sinceMs).toISOString()}; the last time: ${why}`;
}
