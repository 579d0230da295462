import { mkdir, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { segmentRecord, type SegmentRecord } from '../../core/segment.ts';

/** What the driver says of a run to watch. */
export const watchedRun = z.object({
  channelId: z.string().regex(/^[a-z0-9_]{1,80}$/),
  runId: z.string().regex(/^[a-z0-9_]{1,80}$/),
  /** As the channel was told to cut. */
  segmentMs: z.int().positive(),
  /** 2 for a STANDARD channel. */
  pipelineCount: z.union([z.literal(1), z.literal(2)]),
});
export type WatchedRun = z.infer<typeof watchedRun>;

/** What was decided of one object, in the order of the records' numbers. */
export interface Told {
  record: SegmentRecord;
  /** Its wall clock is that of the playlist. */
  isDated: boolean;
  /** Why it is dead on arrival, and which stretch of the run's gaps it would have filled; absent for one in its place. */
  late?: { reason: string; fromMs: number; untilMs: number };
}

const journalLine = z.union([
  z.object({ run: watchedRun }),
  z.object({
    told: z.object({
      record: segmentRecord,
      isDated: z.boolean(),
      late: z.object({ reason: z.string(), fromMs: z.number(), untilMs: z.number() }).optional(),
    }),
  }),
  z.object({ announced: z.int() }),
]);

/**
 * The order that was chosen for one run, line by line on the disk before anybody hears of it: after a crash the run goes
 * on behind it, tells again what may not have been heard, and chooses nothing twice. Gone when the run is complete.
 */
export class WatchJournal {
  readonly #path: string;
  readonly #file: FileHandle;
  #bytes: number;

  private constructor(path: string, file: FileHandle, bytes: number) {
    this.#path = path;
    this.#file = file;
    this.#bytes = bytes;
  }

  /** Begins the journal of a run, or goes on with the one that lies there. */
  static async open(
    folder: string,
    run: WatchedRun,
  ): Promise<{ journal: WatchJournal; told: Told[]; lastAnnouncedSeq: number }> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, run.runId + extension);
    const content = readJournal(await readFile(path).catch(() => Buffer.alloc(0)));
    const file = await open(path, content.run ? 'r+' : 'w');
    const journal = new WatchJournal(path, file, content.run ? content.bytes : 0);
    if (!content.run) {
      await journal.#append({ run });
      const directory = await open(folder, 'r');
      await directory.sync(); // Without it a crash can lose the file's name.
      await directory.close();
    }
    return { journal, told: content.told, lastAnnouncedSeq: content.lastAnnouncedSeq };
  }

  /** The runs whose journals lie there: they were being watched when the program ended. */
  static async left(folder: string): Promise<WatchedRun[]> {
    const names = await readdir(folder).catch(() => []);
    const runs: WatchedRun[] = [];
    for (const name of names.filter((one) => one.endsWith(extension)).toSorted()) {
      const { run } = readJournal(await readFile(join(folder, name)));
      if (run) runs.push(run);
    }
    return runs;
  }

  async telling(told: Told): Promise<void> {
    await this.#append({ told });
  }

  /** Not synced: when it is lost, the same thing is announced twice, which is allowed. */
  async announced(seq: number): Promise<void> {
    await this.#append({ announced: seq }, false);
  }

  /** @param isComplete everything was announced, the run's end included */
  async close(isComplete: boolean): Promise<void> {
    await this.#file.close();
    if (isComplete) await rm(this.#path, { force: true });
  }

  /** Written at its own place: a line that a crash or a full disk cut short is written over, not behind. */
  async #append(line: z.infer<typeof journalLine>, isDurable = true): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    await this.#file.write(bytes, 0, bytes.length, this.#bytes);
    if (isDurable) await this.#file.datasync();
    this.#bytes += bytes.length;
  }
}

/** Reads up to the first line that is not whole: behind it nothing was promised to anybody. */
function readJournal(content: Buffer): {
  run: WatchedRun | undefined;
  told: Told[];
  lastAnnouncedSeq: number;
  bytes: number;
} {
  const read = {
    run: undefined as WatchedRun | undefined,
    told: [] as Told[],
    lastAnnouncedSeq: -1,
    bytes: 0,
  };
  for (let end = content.indexOf(10); end >= 0; end = content.indexOf(10, read.bytes)) {
    const line = parseLine(content.toString('utf8', read.bytes, end));
    if (!line) break;
    if ('run' in line) read.run = line.run;
    else if ('announced' in line) read.lastAnnouncedSeq = Math.max(read.lastAnnouncedSeq, line.announced);
    else {
      const { late, ...told } = line.told;
      read.told.push(late === undefined ? told : { ...told, late });
    }
    read.bytes = end + 1;
  }
  return read;
}

function parseLine(text: string): z.infer<typeof journalLine> | undefined {
  try {
    return journalLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const extension = '.watch';
