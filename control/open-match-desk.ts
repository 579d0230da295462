import { loadRules } from '../analytics/rules/load-rules.ts';
import type { Rules } from '../analytics/rules/rules.ts';
import type { Clock } from '../core/clock.ts';
import { asTouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { ChannelDriver, ChannelHealth, IngestEvents, IngestHost } from '../ingest/channel.ts';
import type { Outcome, Queue } from '../queue/queue.ts';
import type { Catalogue } from '../store/catalogue.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { ChannelDesk } from './channel-desk.ts';
import { DriverRecords } from './driver-records.ts';
import { EditDesk } from './edit-desk.ts';
import { EventLog } from './event-log.ts';
import { FileIngests } from './file-ingests.ts';
import { Keys } from './keys.ts';
import { LedgerViews } from './ledger-views.ts';
import type { MatchDesk } from './match-desk.ts';
import { readMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { checkReadiness } from './readiness.ts';
import { ReviewDesk } from './review-desk.ts';
import { RunDesk } from './run-desk.ts';
import { holdDesk } from './single-desk.ts';

export interface MatchDeskOptions {
  catalogue: Catalogue;
  queue: Queue;
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
  /** For the check of free space. */
  home: string;
  /** Where runs of files are journalled; the folder that the driver repairs at its start. */
  journalFolder: string;
  /** Hears of every channel's feed about once a second: whoever keeps a history of it. */
  onHealth?: (health: ChannelHealth) => void;
  /** By name. `records` keeps what a driver of that name has to know after a restart. */
  createDrivers: (
    host: IngestHost,
    events: IngestEvents,
    records: (driver: string) => DriverRecords,
  ) => Record<string, ChannelDriver>;
}

/** Results that are taken in at once: runs do not wait for each other, and one run is one after the other anyway. */
const resultSlots = 4;
/** The database is away: the result keeps its place and its count of tries. */
const databaseAwayMs = 1_000;
const pruneEveryMs = 3_600_000;
/** The driver repairs what a crash left within seconds; a run that it does not know of by then has no end but this one. */
const orphanRunMs = 20_000;

/**
 * Puts the match desk together and makes it the only one on its catalogue.
 *
 * @returns the facade, and `run`, which works until `signal` aborts: then feeds are ended, what they held is in the ledger and
 *   on the queue, and only after that does the desk take no more results; or `abandon`, when it cannot be run after all
 */
export async function openMatchDesk(options: MatchDeskOptions): Promise<{
  desk: MatchDesk;
  edits: EditDesk;
  review: ReviewDesk;
  run: (signal: AbortSignal) => Promise<void>;
  abandon: () => Promise<void>;
}> {
  const { catalogue, queue, store, clock, random, log, home } = options;
  const { db } = catalogue;
  const release = await holdDesk({ db, clock });
  const rulesBySport = new Map<string, Rules>();
  const rulesOf = (sport: string): Rules => {
    const rules = rulesBySport.get(sport) ?? loadRules({ sport });
    rulesBySport.set(sport, rules);
    return rules;
  };
  const events = new EventLog({ db, clock });
  const keys = new Keys({ db, clock, random });
  const outbox = new Outbox({ db, queue, clock, log: log.child({ part: 'outbox' }) });
  const runs = new RunDesk({
    db,
    clock,
    log: log.child({ part: 'director' }),
    events,
    rulesOf,
    onJobs: () => outbox.wake(),
  });
  const host: IngestHost = {
    authenticate: async (key) => {
      // The port is open before the channels are: who publishes in between waits, and is not turned away.
      await channels?.resumed;
      return await keys.authenticate(key);
    },
    putSegment: async (key, bytes) => {
      await store.put(key, bytes, { contentType: 'video/mp2t', ifNoneMatch: true });
    },
    hasSegment: async (key) => (await store.head(key)) !== undefined,
  };
  let channels: ChannelDesk | undefined;
  const ingestEvents: IngestEvents = {
    onRunStarted: async (run) => await runs.onRunStarted(run),
    onSegment: async (segment) => await runs.onSegment(segment),
    onSegmentLate: async ({ segment, reason }) => await runs.onSegmentLate(segment, reason),
    onRunEnded: async (run) => await runs.onRunEnded(run),
    onHealth: (health) => {
      options.onHealth?.(health);
      channels?.onHealth(health);
    },
  };
  const { journalFolder } = options;
  const files = new FileIngests({ host, events: ingestEvents, clock, random, log, journalFolder });
  const drivers = new Map(
    Object.entries(options.createDrivers(host, ingestEvents, (driver) => new DriverRecords({ db, driver }))),
  );
  const channelDesk = new ChannelDesk({
    db,
    clock,
    random,
    log: log.child({ part: 'channels' }),
    events,
    keys,
    drivers,
    ingestFile: files.start,
    checkSport: rulesOf,
  });
  channels = channelDesk;
  const views = new LedgerViews({ db, store });
  const review = new ReviewDesk({ db, clock, events, log: log.child({ part: 'review' }) });
  const edits = new EditDesk({
    db,
    clock,
    events,
    onJobs: async (runId) => {
      outbox.wake();
      await runs.forget(runId);
    },
  });

  const desk: MatchDesk = {
    createChannel: async (wish, by) => await channelDesk.create(wish, by),
    listChannels: async () => await channelDesk.list(),
    getChannel: async (idOrName) => await channelDesk.get(idOrName),
    issueKey: async (channelId, by) => await channelDesk.issueKey(channelId, by),
    revokeKey: async (channelId, keyId, by) => await channelDesk.revokeKey(channelId, keyId, by),
    startChannel: async (channelId, by) => await channelDesk.start(channelId, by),
    stopChannel: async (channelId, by) => await channelDesk.stop(channelId, by),
    deleteChannel: async (channelId, by) => await channelDesk.delete(channelId, by),
    health: (channelId) => channelDesk.health(channelId),
    ingestFile: async (wish) => await channelDesk.ingestFile(wish),
    listRuns: async (filter) => await views.listRuns(filter),
    getRun: async (runId) => await views.getRun(runId),
    runReport: async (runId) => await views.runReport(runId),
    listSegments: async (filter) => await views.listSegments(filter),
    listMoments: async (filter) => await views.listMoments(filter),
    getMoment: async (momentId) => await views.getMoment(momentId),
    decide: async (momentId, decision, about) => {
      await review.decide([momentId], decision, about);
      return await views.getMoment(momentId);
    },
    listClips: async (filter) => await views.listClips(filter),
    getClip: async (clipId) => await views.getClip(clipId),
    waterfall: async (clipId) => await views.waterfall(clipId),
    listDead: async (filter) => await views.listDead(filter),
    retrySegment: async (segmentId) => await runs.retrySegment(segmentId),
    eventsSince: async (afterId, limit) => await events.since(afterId, limit),
    lastEventId: async () => await events.lastId(),
    onNews: (listener) => events.onNews(listener),
    readiness: async () =>
      await checkReadiness({ db, queue, store, clock, home, isResumed: channelDesk.isResumed }),
    metrics: async () => await readMetrics({ db, clock, healthOf: (id) => channelDesk.health(id) }),
  };

  const takeResults = async (signal: AbortSignal): Promise<void> =>
    await queue.consume('result', {
      slots: resultSlots,
      signal,
      handle: async ({ job }): Promise<Outcome> => {
        try {
          await runs.onResult(job);
          return { kind: 'done' };
        } catch (thrown) {
          const isAway = await catalogue.ping().then(
            () => false,
            () => true,
          );
          if (!isAway) throw thrown;
          log.warn('a result waits for the database', {
            jobId: job.id,
            error: asTouchlineError(thrown).message,
          });
          await clock.sleep(databaseAwayMs, signal).catch(() => undefined);
          return { kind: 'release' };
        }
      },
    });

  /** Runs that were open at the start, whose publisher and journal are both gone. */
  const endOrphans = async (signal: AbortSignal): Promise<void> => {
    const open = await db
      .selectFrom('runs')
      .select(['id', 'channel_id'])
      .where('ended_at_ms', 'is', null)
      .execute();
    await clock.sleep(orphanRunMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    for (const { id, channel_id: channelId } of open) {
      if ([...drivers.values()].some((driver) => driver.keepsRun?.(id))) continue;
      const row = await db
        .selectFrom('segments')
        .select((expression) => expression.fn.max('seq').as('last'))
        .where('run_id', '=', id)
        .executeTakeFirst();
      const last = row?.last as number | null | undefined;
      await runs.onRunEnded({ channelId, runId: id, segmentCount: (last ?? -1) + 1, why: 'crash' });
    }
  };

  const keepHouse = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await events.prune().catch((error: unknown) => log.warn('old events could not be removed', { error }));
      await clock.sleep(pruneEveryMs, signal).catch(() => undefined);
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    const desking = new AbortController();
    const orphans = endOrphans(signal).catch((error: unknown) => log.error('old runs stay open', { error }));
    const working = Promise.all([
      runs.run(desking.signal),
      outbox.run(desking.signal),
      takeResults(desking.signal),
      queue.consumeDead({ signal: desking.signal, handle: async (dead) => await runs.onDead(dead) }),
      keepHouse(desking.signal),
      review.run(desking.signal),
    ]);
    const driving = Promise.all([...drivers.values()].map(async (driver) => await driver.run(signal)));
    driving.catch(() => undefined);
    try {
      await channelDesk.resume();
      // Any part that ends before it was asked to has failed, and takes the process with it: a clean one is started.
      await Promise.race([driving, working]);
    } finally {
      await Promise.allSettled([driving, files.stop(), orphans]);
      desking.abort();
      await Promise.allSettled([working]);
      await release();
    }
    await working;
    await driving;
  };
  return { desk, edits, review, run, abandon: release };
}
