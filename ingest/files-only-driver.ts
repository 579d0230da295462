import { join } from 'node:path';

import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import { untilAborted } from '../core/until-aborted.ts';

import type { ChannelDriver, IngestEvents, IngestHost } from './channel.ts';
import { leftJournals, repairJournals } from './journal.ts';
import { Persistence } from './persistence.ts';

/**
 * For a house that takes recordings and no feeds: no port is opened, but what an earlier crash left untold is told all the
 * same. Nobody would hear of it otherwise before the next server starts.
 */
export class FilesOnlyDriver implements ChannelDriver {
  readonly #options: {
    host: Pick<IngestHost, 'hasSegment' | 'putSegment'>;
    events: IngestEvents;
    clock: Clock;
    random: Random;
    log: Log;
  };
  readonly #paths: readonly string[];

  /** @param options.folder as for `LocalDriver` */
  constructor(options: {
    host: Pick<IngestHost, 'hasSegment' | 'putSegment'>;
    events: IngestEvents;
    clock: Clock;
    random: Random;
    log: Log;
    folder: string;
  }) {
    this.#options = options;
    this.#paths = leftJournals(join(options.folder, 'journal'));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const persistence = new Persistence({ ...this.#options, signal });
    try {
      if (!signal.aborted) await repairJournals({ ...this.#options, paths: this.#paths, persistence });
    } catch (error) {
      // Called off: what is left lies there for the next start.
      if (!signal.aborted) log.error('repair failed', { error });
    }
    await untilAborted(signal);
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  health(): undefined {}
}
