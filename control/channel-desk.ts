import type { Kysely, Selectable } from 'kysely';

import type { Actor } from '../core/actor.ts';
import type { Clock } from '../core/clock.ts';
import { asTouchlineError, TouchlineError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { ChannelDriver, ChannelHealth, ChannelState } from '../ingest/channel.ts';
import type { Tables } from '../store/schema.ts';
import { isOpenState, mayMove } from './channel-states.ts';
import type { EventLog } from './event-log.ts';
import type { Keys } from './keys.ts';
import type { ChannelView, ChannelWish, FileWish, IssuedKey } from './match-desk.ts';

interface ChannelDeskOptions {
  db: Kysely<Tables>;
  clock: Clock;
  random: Random;
  log: Log;
  events: EventLog;
  keys: Keys;
  /** By the name that a channel is made with. */
  drivers: ReadonlyMap<string, ChannelDriver>;
  ingestFile: IngestFile;
  /** Refuses a sport that has no rules. */
  checkSport: (sport: string) => void;
}

/** Takes a file as a run of the channel; resolves with the run's id once it has begun. */
export type IngestFile = (file: {
  channelId: string;
  path: string;
  segmentMs: number;
  isRealtime: boolean;
}) => Promise<{ runId: string }>;

/** Long enough for a phone that changes from Wi-Fi to mobile; the same run goes on. */
const resumeWindowMs = 30_000;
const segmentMsDefault = 4000;
/** Captures what nobody asked another driver for. */
const localDriver = 'local';
/** What people call a pitch. Nothing that cannot be seen, and nothing that reads as an id: both find a channel. */
const namePattern = /^(?!ch_)(?! )[^\p{C}\p{Zl}\p{Zp}]{1,63}(?<! )$/u;

/** Channels and their life; the states stand in `channel-states.ts`. */
export class ChannelDesk {
  readonly #options: ChannelDeskOptions;
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #advice = new Map<string, string>();
  #tellResumed: () => void = doNothing;
  /** The channels of before are open again. Until then nobody changes one, and no publisher is turned away. */
  readonly resumed = new Promise<void>((resolve) => {
    this.#tellResumed = resolve;
  });
  isResumed = false;

  constructor(options: ChannelDeskOptions) {
    this.#options = options;
  }

  async create(wish: ChannelWish, by?: Actor): Promise<{ channel: ChannelView; key: IssuedKey }> {
    const { db, keys } = this.#options;
    await this.resumed;
    const { id, key } = await db.transaction().execute(async (db) => {
      const id = await this.#insert(db, wish, true);
      return { id, key: await keys.issue(db, id, by) };
    });
    await this.start(id, by);
    return { channel: await this.get(id), key };
  }

  async list(): Promise<ChannelView[]> {
    const { db } = this.#options;
    const rows = await db
      .selectFrom('channels')
      .selectAll()
      .where('state', '<>', 'deleted')
      .orderBy('created_at_ms')
      .execute();
    return await Promise.all(rows.map((row) => this.#view(row)));
  }

  async get(idOrName: string): Promise<ChannelView> {
    const row = await this.#find(idOrName);
    if (!row) throw callerError('channel.not-found', `there is no channel "${idOrName}"`);
    return await this.#view(row);
  }

  /** Of whichever driver knows the channel: ids are never used twice. */
  health(channelId: string): ChannelHealth | undefined {
    for (const driver of this.#options.drivers.values()) {
      const health = driver.health(channelId);
      if (health) return health;
    }
    return undefined;
  }

  async issueKey(channelId: string, by: Actor): Promise<IssuedKey> {
    const { db, keys, events } = this.#options;
    await this.get(channelId);
    const issued = await db.transaction().execute(async (db) => {
      const issued = await keys.issue(db, channelId, by);
      await events.append(db, [
        { kind: 'channel.changed', channelId, subjectId: issued.id, by, data: { what: 'key issued' } },
      ]);
      return issued;
    });
    events.tell();
    return issued;
  }

  async revokeKey(channelId: string, keyId: string, by: Actor): Promise<void> {
    const { db, keys, events } = this.#options;
    await db.transaction().execute(async (db) => {
      await keys.revoke(db, channelId, { keyId, by });
      await events.append(db, [
        { kind: 'channel.changed', channelId, subjectId: keyId, by, data: { what: 'key revoked' } },
      ]);
    });
    events.tell();
  }

  async start(channelId: string, by?: Actor): Promise<ChannelView> {
    await this.resumed;
    await this.#exclusive(channelId, async () => {
      const channel = await this.get(channelId);
      await this.#want(channelId, true);
      if (isOpenState(channel.state)) return;
      await this.#move(channelId, 'starting', { by });
      await this.#open(channel);
    });
    return await this.get(channelId);
  }

  async stop(channelId: string, by?: Actor): Promise<ChannelView> {
    await this.resumed;
    await this.#exclusive(channelId, async () => {
      const channel = await this.get(channelId);
      await this.#want(channelId, false);
      if (channel.state === 'idle') return;
      await this.#move(channelId, 'stopping', { by });
      try {
        const driver = this.#driverOf(channel.driver);
        await driver.stop(channelId);
        // Where it takes minutes, the driver's word moves it on.
        if (driver.health(channelId)?.state !== 'stopping') await this.#move(channelId, 'idle');
      } catch (thrown) {
        await this.#move(channelId, 'failed', { reason: asTouchlineError(thrown).message });
        throw thrown;
      }
    });
    return await this.get(channelId);
  }

  async delete(channelId: string, by?: Actor): Promise<void> {
    const { driver } = await this.stop(channelId, by);
    await this.#exclusive(channelId, async () => {
      await this.#driverOf(driver).remove?.(channelId);
      await this.#move(channelId, 'deleted', { by });
    });
  }

  async ingestFile(wish: FileWish): Promise<{ channelId: string; runId: string }> {
    const { db, ingestFile } = this.#options;
    const known = await this.#find(wish.name);
    const channelId = known?.id ?? (await this.#insert(db, { ...wish, segmentMs: segmentMsDefault }, false));
    if (known && wish.sport !== undefined && wish.sport !== known.sport) {
      throw callerError(
        'channel.conflict',
        `channel "${wish.name}" is ${known.sport}, not ${wish.sport}: use another name, or leave the sport out`,
      );
    }
    const { runId } = await ingestFile({
      channelId,
      path: wish.path,
      segmentMs: known?.segment_ms ?? segmentMsDefault,
      isRealtime: wish.isRealtime ?? false,
    });
    return { channelId, runId };
  }

  /** After a restart: nothing is open any more, whatever the ledger says; what was wanted is opened again. */
  async resume(): Promise<void> {
    try {
      await this.#openWanted();
      this.isResumed = true;
    } finally {
      this.#tellResumed();
    }
  }

  async #openWanted(): Promise<void> {
    const { db, log } = this.#options;
    const rows = await db.selectFrom('channels').selectAll().where('state', '<>', 'deleted').execute();
    // All at once: publishers are waiting.
    await Promise.all(
      rows.map(async (row) => {
        const state = row.is_wanted ? 'starting' : 'idle';
        const change = { state, state_reason: null };
        await db.updateTable('channels').set(change).where('id', '=', row.id).execute();
        if (!row.is_wanted) return;
        await this.#exclusive(
          row.id,
          async () => await this.#open(await this.#view({ ...row, state }), true),
        ).catch((error: unknown) =>
          log.error('a channel could not be opened again', { channelId: row.id, error }),
        );
      }),
    );
  }

  /** The driver's word on a feed. A change of state or advice is written down; the numbers are asked for with `health`. */
  onHealth(health: ChannelHealth): void {
    const { channelId, state } = health;
    const { db, events, log } = this.#options;
    // The same advice with another number in it is no news.
    const advice = `${state} ${health.advice.join(' ')}`.replaceAll(/[\d.]+/g, '#');
    if (this.#advice.get(channelId) === advice) return;
    this.#advice.set(channelId, advice);
    void this.#exclusive(channelId, async () => {
      const row = await db
        .selectFrom('channels')
        .select('state')
        .where('id', '=', channelId)
        .executeTakeFirst();
      // Starting, stopping and failing are ours to say; the driver tells what it sees in between.
      const isSeen =
        ['waiting', 'live', 'degraded', 'failed'].includes(state) ||
        // A driver that takes minutes to stop says when it has.
        (state === 'idle' && row?.state === 'stopping');
      if (row && isSeen && row.state !== state && mayMove(row.state as ChannelState, state)) {
        const needsReason = state === 'degraded' || state === 'failed';
        await this.#move(channelId, state, { reason: needsReason ? health.advice[0] : undefined });
      }
      const { bitrateBps, framesPerSecond } = health;
      const data = { state, advice: health.advice, bitrateBps, framesPerSecond };
      await events.append(db, [{ kind: 'channel.health', channelId, data }]);
      events.tell();
    }).catch((error: unknown) =>
      log.warn('the health of a channel could not be written down', { channelId, error }),
    );
  }

  async #open(channel: ChannelView, isResumed = false): Promise<void> {
    try {
      const driver = this.#driverOf(channel.driver);
      const { id: channelId, segmentMs, input } = channel;
      await driver.start({ channelId, segmentMs, resumeWindowMs, input: input ?? undefined, isResumed });
      if (driver.health(channelId)?.state !== 'starting') await this.#move(channelId, 'waiting');
    } catch (thrown) {
      await this.#move(channel.id, 'failed', { reason: asTouchlineError(thrown).message });
      throw thrown;
    }
  }

  async #insert(db: Kysely<Tables>, wish: ChannelWish, isWanted: boolean): Promise<string> {
    const { clock, random, checkSport } = this.#options;
    if (!namePattern.test(wish.name)) {
      throw callerError(
        'channel.invalid',
        `a channel's name is 1 to 63 visible characters, without a space at its ends and not "ch_..." (got ${JSON.stringify(wish.name.slice(0, 80))})`,
      );
    }
    const segmentMs = wish.segmentMs ?? segmentMsDefault;
    if (!Number.isInteger(segmentMs) || segmentMs < 2000 || segmentMs > 6000) {
      throw callerError('channel.invalid', `segmentMs must be 2000 to 6000 (got ${segmentMs})`);
    }
    const sport = wish.sport ?? 'generic';
    checkSport(sport);
    const driver = this.#driverOf(wish.driver ?? localDriver);
    if (driver.checkInput) driver.checkInput(wish.input);
    else if (wish.input !== undefined) {
      throw callerError(
        'channel.invalid',
        `a channel of the driver ${wish.driver ?? localDriver} takes no input`,
      );
    }
    const id = newId('ch', random);
    const done = await db
      .insertInto('channels')
      .values({
        id,
        name: wish.name,
        sport,
        segment_ms: segmentMs,
        state: 'idle',
        state_reason: null,
        is_wanted: isWanted,
        run_id: null,
        created_at_ms: clock.nowMs(),
        driver: wish.driver ?? localDriver,
        input: wish.input === undefined ? null : JSON.stringify(wish.input),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    if (done.numInsertedOrUpdatedRows === 0n) {
      throw callerError('channel.taken', `there is a channel "${wish.name}" already: choose another name`);
    }
    return id;
  }

  async #find(idOrName: string): Promise<Selectable<Tables['channels']> | undefined> {
    return await this.#options.db
      .selectFrom('channels')
      .selectAll()
      .where('state', '<>', 'deleted')
      .where((either) => either.or([either('id', '=', idOrName), either('name', '=', idOrName)]))
      .executeTakeFirst();
  }

  async #view(row: Selectable<Tables['channels']>): Promise<ChannelView> {
    return {
      id: row.id,
      name: row.name,
      sport: row.sport,
      state: row.state as ChannelState,
      stateReason: row.state_reason,
      segmentMs: row.segment_ms,
      createdAtMs: row.created_at_ms,
      runId: row.run_id,
      keys: await this.#options.keys.list(row.id),
      driver: row.driver,
      input: row.input,
      endpoints: this.#options.drivers.get(row.driver)?.endpoints?.(row.id) ?? [],
    };
  }

  #driverOf(name: string): ChannelDriver {
    const { drivers } = this.#options;
    const driver = drivers.get(name);
    if (driver) return driver;
    const names = [...drivers.keys()].join(', ');
    // Also when no server runs, and a command has opened the desk for itself alone.
    const remedy =
      name === 'medialive'
        ? ': it is there while a server runs that was started with TOUCHLINE_MEDIALIVE_ROLE'
        : '';
    throw callerError('channel.invalid', `there is no driver "${name}" here, only ${names}${remedy}`);
  }

  async #want(channelId: string, isWanted: boolean): Promise<void> {
    const { db } = this.#options;
    await db.updateTable('channels').set({ is_wanted: isWanted }).where('id', '=', channelId).execute();
  }

  /** The only place where a channel's state changes, apart from the fresh start after a restart. */
  async #move(
    channelId: string,
    to: ChannelState,
    { reason, by }: { reason?: string | undefined; by?: Actor | undefined } = {},
  ): Promise<void> {
    const { db, events } = this.#options;
    await db.transaction().execute(async (db) => {
      const row = await db
        .selectFrom('channels')
        .select('state')
        .where('id', '=', channelId)
        .forUpdate()
        .executeTakeFirstOrThrow();
      const from = row.state as ChannelState;
      if (from === to) return;
      if (!mayMove(from, to)) {
        throw callerError('channel.conflict', `the channel is ${from}: it cannot become ${to} now`);
      }
      await db
        .updateTable('channels')
        .set({ state: to, state_reason: reason ?? null })
        .where('id', '=', channelId)
        .execute();
      await events.append(db, [
        {
          kind: 'channel.changed',
          channelId,
          ...(by ? { by } : {}),
          data: { from, to, ...(reason === undefined ? {} : { reason }) },
        },
      ]);
    });
    events.tell();
  }

  async #exclusive(channelId: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(channelId) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(work);
    this.#turns.set(channelId, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(channelId) === turn) this.#turns.delete(channelId);
    }
  }
}

function callerError(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}

function doNothing(): void {}
