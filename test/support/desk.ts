import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Kysely } from 'kysely';

import type { EditDesk } from '../../control/edit-desk.ts';
import { openMatchDesk } from '../../control/open-match-desk.ts';
import type { DeskEvent, MatchDesk } from '../../control/match-desk.ts';
import type { ReviewDesk } from '../../control/review-desk.ts';
import { sidecarKey, type ClipSidecar } from '../../core/clip.ts';
import { systemClock } from '../../core/clock.ts';
import { segmentId } from '../../core/ids.ts';
import type { CutJob } from '../../core/jobs.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { ChannelDriver, IngestEvents, IngestHost } from '../../ingest/channel.ts';
import type { Queue } from '../../queue/queue.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { openFsStore } from '../../store/fs-store.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { Tables } from '../../store/schema.ts';
import { runWorker, type Analyse, type Cut } from '../../worker/worker.ts';
import { MemoryBroker } from './memory-queue.ts';

/** A real desk on a real database, with a queue in memory and a driver that tests speak for. */
export interface DeskRig {
  desk: MatchDesk;
  edits: EditDesk;
  review: ReviewDesk;
  catalogue: Catalogue;
  store: ObjectStore;
  broker: MemoryBroker;
  ingest: { host: IngestHost; events: IngestEvents };
  /** Runs a worker until the rig is stopped. */
  work(parts: { analyse: Analyse; cut?: Cut; instanceId?: string }): void;
  /** Resolves with the first event that fits, also one that has happened already. */
  untilEvent(fits: (event: DeskEvent) => boolean): Promise<DeskEvent>;
  stop(): Promise<void>;
}

export async function openDeskRig(
  databaseUrl: string,
  kept?: { broker: MemoryBroker; home: string },
  more?: { drivers?: Record<string, ChannelDriver>; queue?: Queue },
): Promise<DeskRig> {
  const home = kept?.home ?? (await mkdtemp(join(tmpdir(), 'touchline-desk-')));
  const broker = kept?.broker ?? new MemoryBroker({ clock: systemClock });
  const catalogue = await openCatalogue({ databaseUrl });
  const store = await openFsStore({ folder: join(home, 'store'), random: systemRandom });
  const stopping = new AbortController();
  let ingest: DeskRig['ingest'] | undefined;
  const { desk, edits, review, run } = await openMatchDesk({
    catalogue,
    queue: more?.queue ?? broker.connect(),
    store,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    home,
    journalFolder: join(home, 'journal'),
    createDrivers: (host, events) => {
      ingest = { host, events };
      const local = {
        run: async (signal: AbortSignal) => {
          if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
        start: async () => {},
        stop: async () => {},
        health: () => undefined,
      };
      return { local, ...more?.drivers };
    },
  });
  const running: Promise<unknown>[] = [run(stopping.signal)];
  if (!ingest) throw new Error('the desk made no driver');
  return {
    desk,
    edits,
    review,
    catalogue,
    store,
    broker,
    ingest,
    work: ({ analyse, cut, instanceId }) => {
      const worker = runWorker(
        {
          queue: broker.connect(),
          store,
          analyse,
          cut: cut ?? fakeCut,
          clock: systemClock,
          log: silentLog,
          instanceId: instanceId ?? 'test-machine',
          workerId: 'wrk_test',
          heartbeat: { begin: () => {}, end: () => {} },
          workFolder: join(home, 'work'),
        },
        stopping.signal,
      );
      running.push(worker);
    },
    untilEvent: async (fits) => await untilEvent(desk, fits),
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
      await catalogue.close();
      if (!kept) await rm(home, { recursive: true, force: true });
    },
  };
}

/** A channel as it is while somebody pushes to it. */
export async function addLiveChannel(
  db: Kysely<Tables>,
  channel: { id: string; name: string },
): Promise<void> {
  const state = {
    state: 'live',
    state_reason: null,
    is_wanted: true,
    run_id: null,
    created_at_ms: 0,
  } as const;
  await db
    .insertInto('channels')
    .values({ ...channel, sport: 'soccer', segment_ms: 4000, ...state })
    .execute();
}

/** `count` segments of a channel `pitch-1`, from its beginning until all that comes of them is made. */
export async function playRun(
  rig: DeskRig,
  run: { channelId: string; runId: string },
  count: number,
): Promise<void> {
  await addLiveChannel(rig.catalogue.db, { id: run.channelId, name: 'pitch-1' });
  const { host, events } = rig.ingest;
  await events.onRunStarted({ ...run, startWallMs: 1_700_000_000_000 });
  for (let seq = 0; seq < count; seq += 1) {
    const segment = segmentOf(run, seq);
    await host.putSegment(segment.key, segmentBytes);
    await events.onSegment(segment);
  }
  await events.onRunEnded({ ...run, segmentCount: count, why: 'end-of-file' });
  await rig.untilEvent((event) => event.kind === 'run.finished');
}

export async function untilEvent(
  desk: Pick<MatchDesk, 'eventsSince' | 'onNews'>,
  fits: (event: DeskEvent) => boolean,
): Promise<DeskEvent> {
  let lastId = 0;
  for (;;) {
    const stop = new AbortController();
    const news = new Promise<void>((resolve) => {
      stop.signal.addEventListener('abort', desk.onNews(resolve));
    });
    const events = await desk.eventsSince(lastId, 1000);
    const found = events.find(fits);
    if (!found && events.length === 0) await news;
    stop.abort();
    if (found) return found;
    lastId = events.at(-1)?.id ?? lastId;
  }
}

/** Four seconds of a match, without media behind it unless `bytes` were put. */
export function segmentOf(
  run: { channelId: string; runId: string },
  seq: number,
  more: Partial<SegmentRecord> = {},
): SegmentRecord {
  const duration90k = 4 * 90_000;
  return {
    id: segmentId(run.runId, seq),
    ...run,
    sessionId: 'ses_test',
    epoch: 0,
    seq,
    key: `segments/${run.channelId}/${run.runId}/${String(seq).padStart(6, '0')}.ts`,
    bytes: segmentBytes.length,
    // Of `segmentBytes`.
    sha256: '8660fe703238dae5e72693dbd06a2e29f38b07be9713c16599fd174030e42108',
    container: 'mpegts',
    start90k: seq * duration90k,
    duration90k,
    filePtsOffset90k: 0,
    startWallMs: 1_700_000_000_000 + seq * 4000,
    gapBefore90k: 0,
    isDiscontinuity: seq === 0,
    startsWithKeyframe: true,
    isPartial: false,
    video: {
      codec: 'h264',
      width: 640,
      height: 360,
      frameCount: 100,
      frameRate: { num: 25, den: 1 },
      keyframes90k: [seq * duration90k],
      configHash: 'one',
    },
    audio: null,
    ...more,
  };
}

export const segmentBytes = new TextEncoder().encode('the bytes of a segment');

/** Writes a sidecar and one file, as the real one does, without any media. */
export const fakeCut: Cut = async (job, host) => {
  const body = new TextEncoder().encode(`${job.id} ${job.in90k}-${job.out90k}`);
  const key = `clips/${job.channelId}/${job.runId}/${job.clipId}/${job.revision}-${job.in90k}-${job.out90k}.wide.mp4`;
  const stored = await host.putObject(key, body, 'video/mp4');
  const sidecar = fakeSidecar(job, { key, ...stored });
  await host.putSidecar(sidecarKey(job), sidecar);
  return sidecar;
};

function fakeSidecar(job: CutJob, file: { key: string; bytes: number; sha256: string }): ClipSidecar {
  return {
    schema: 'touchline.clip/v1',
    id: job.clipId,
    channelId: job.channelId,
    runId: job.runId,
    revision: job.revision,
    made: job.revision === 'fast' ? 'copy' : 'smart',
    proven: true,
    requested: { in90k: job.in90k, out90k: job.out90k },
    actual: { in90k: job.in90k, out90k: job.out90k },
    startWallMs: 1_700_000_000_000,
    frameCount: 1,
    frameRate: null,
    gaps: [],
    notes: [],
    moment: job.moment,
    ...(job.edit ? { edit: job.edit } : {}),
    renditions: job.presets.map((preset) => ({
      preset,
      contentType: 'video/mp4',
      durationMs: 1000,
      width: 640,
      height: 360,
      ...file,
      ...(job.edit ? { editVersion: job.edit.version } : {}),
    })),
  };
}
