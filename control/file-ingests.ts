import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { IngestEvents, IngestHost } from '../ingest/channel.ts';
import { ingestFile } from '../ingest/source-file.ts';
import type { IngestFile } from './channel-desk.ts';

/** Each reads a file and hashes its segments; more at once would only take turns on the same disk. */
const filesAtOnceMax = 4;

/** Recordings that are being taken in. */
export class FileIngests {
  readonly #options: {
    host: Pick<IngestHost, 'putSegment'>;
    events: IngestEvents;
    clock: Clock;
    random: Random;
    log: Log;
    journalFolder: string;
  };
  readonly #stopping = new AbortController();
  readonly #going = new Set<Promise<void>>();

  constructor(options: {
    host: Pick<IngestHost, 'putSegment'>;
    events: IngestEvents;
    clock: Clock;
    random: Random;
    log: Log;
    journalFolder: string;
  }) {
    this.#options = options;
  }

  /** Resolves when the run has begun; the rest goes on by itself. Rejects when the file is none that can be taken. */
  readonly start: IngestFile = async (file) => {
    if (this.#going.size >= filesAtOnceMax) {
      throw new TouchlineError({
        code: 'ingest.unavailable',
        message: `${this.#going.size} files are being taken in already: wait for one of them`,
        retryable: true,
        blame: 'caller',
      });
    }
    const { events, log, ...rest } = this.#options;
    return await new Promise((resolve, reject) => {
      const going = ingestFile({
        ...rest,
        log,
        channelId: file.channelId,
        path: file.path,
        segmentMs: file.segmentMs,
        realtime: file.isRealtime,
        signal: this.#stopping.signal,
        events: {
          ...events,
          onRunStarted: async (run) => {
            await events.onRunStarted(run);
            resolve({ runId: run.runId });
          },
        },
      })
        .then(({ runId, segmentCount }) => {
          log.info('file taken in', { runId, segmentCount });
          // Has no effect unless its start could not be told.
          reject(notWritten(file.path));
        })
        .catch((error: unknown) => {
          log.warn('file not taken in to its end', { channelId: file.channelId, error });
          reject(error);
        })
        .finally(() => this.#going.delete(going));
      this.#going.add(going);
    });
  };

  /** Ends the runs where they are, and returns when that is in the ledger. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await Promise.all(this.#going);
  }
}

function notWritten(path: string): TouchlineError {
  return new TouchlineError({
    code: 'ingest.unavailable',
    message: `${path} was read, but its run could not be written down: neither the ledger nor the local disk took it. See the log for which, and take it in again`,
    retryable: true,
    blame: 'environment',
  });
}
