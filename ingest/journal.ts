import { readdirSync } from 'node:fs';
import { mkdir, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import type { Log } from '../core/log.ts';
import { segmentRecord, type SegmentRecord } from '../core/segment.ts';

import type { IngestEvents, IngestHost, RunEnd } from './channel.ts';
import type { Persistence } from './persistence.ts';

export interface RunIdentity {
  channelId: string;
  runId: string;
  startWallMs: number;
}

/**
 * What the store has of one run and what of it was announced: one file, appended line by line, gone when the run is
 * complete. What it says is on the disk before anybody hears of it, so a crash at any point loses no stored segment.
 */
export class RunJournal {
  readonly #path: string;
  readonly #file: FileHandle;
  #bytes = 0;
  #written: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(folder: string, run: RunIdentity): Promise<RunJournal> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${run.runId}${extension}`);
    const journal = new RunJournal(path, await open(path, 'w'));
    await journal.#append({ run });
    const directory = await open(folder, 'r');
    await directory.sync(); // Without it a crash can lose the file's name.
    await directory.close();
    return journal;
  }

  /** Before it goes to the store: a crash between the two must not leave an object that nobody knows of. */
  async coming(record: SegmentRecord): Promise<void> {
    await this.#append({ coming: record });
  }

  async stored(record: SegmentRecord): Promise<void> {
    await this.#append({ stored: record });
  }

  async ended(end: { why: RunEnd; segmentCount: number }): Promise<void> {
    await this.#append({ ended: end });
  }

  /** Not synced: when it is lost, the same thing is announced twice, which is allowed. */
  async announced(what: 'start' | number): Promise<void> {
    await this.#append({ announced: what }, false);
  }

  /** @param isComplete everything was announced: nothing is left to repair */
  async close(isComplete: boolean): Promise<void> {
    await this.#file.close();
    if (isComplete) await rm(this.#path, { force: true });
  }

  async #append(line: JournalLine, isDurable = true): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    // Storing and announcing write here independently of each other: one line after the other.
    const written = this.#written.then(() => this.#write(bytes, isDurable));
    this.#written = written.catch(() => {});
    await written;
  }

  /** Written at its own place: a line that a full disk cut short is written over, not behind. */
  async #write(bytes: Buffer, isDurable: boolean): Promise<void> {
    await this.#file.write(bytes, 0, bytes.length, this.#bytes);
    if (isDurable) await this.#file.datasync();
    this.#bytes += bytes.length;
  }
}

/**
 * The journals that lie there now: of runs that are not complete. To be asked before a run of our own can begin, and at
 * once: a journal of a run that goes on would be told as one that crashed.
 */
export function leftJournals(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(extension));
    return names.toSorted().map((name) => join(folder, name));
  } catch {
    return []; // There is no such folder before the first run.
  }
}

/**
 * Tells what a crash kept from being told: stored segments that nobody heard of, and the end of their runs. Doing it
 * twice tells it twice and changes nothing; when it is called off, what is left stays for the next start.
 */
export async function repairJournals(options: {
  /** As `leftJournals` gave them, before new runs began. */
  paths: readonly string[];
  host: Pick<IngestHost, 'hasSegment'>;
  events: IngestEvents;
  persistence: Persistence;
  log: Log;
}): Promise<{ runCount: number; segmentCount: number }> {
  const { paths, host, events, persistence, log } = options;
  const repaired = { runCount: 0, segmentCount: 0 };
  for (const path of paths) {
    const told = readJournal(await readFile(path, 'utf8'));
    const { run } = told;
    if (run) {
      const { channelId, runId } = run;
      const { coming } = told;
      if (coming && !told.stored.has(coming.seq)) {
        const isStored = await persistence.insist('look for segment', () => host.hasSegment(coming.key));
        if (isStored) told.stored.set(coming.seq, coming);
      }
      if (!told.isStartAnnounced) await persistence.insist('announce', () => events.onRunStarted(run));
      const unheard = [...told.stored.values()].filter((record) => record.seq > told.lastAnnouncedSeq);
      for (const record of unheard) await persistence.insist('announce', () => events.onSegment(record));
      const segmentCount = told.stored.size;
      const why = told.why ?? 'crash';
      await persistence.insist('announce', () => events.onRunEnded({ channelId, runId, segmentCount, why }));
      repaired.runCount += 1;
      repaired.segmentCount += unheard.length;
      log.warn('run repaired', { channelId, runId, segmentCount, announcedNow: unheard.length, why });
    }
    await rm(path, { force: true });
  }
  return repaired;
}

type JournalLine =
  | { run: RunIdentity }
  | { coming: SegmentRecord }
  | { stored: SegmentRecord }
  | { announced: 'start' | number }
  | { ended: { why: RunEnd; segmentCount: number } };

interface JournalContent {
  /** Undefined when not even the first line is whole: then nothing of the run was stored. */
  run: RunIdentity | undefined;
  /** The newest that was on its way to the store. Segments go there one by one, so no other can be in doubt. */
  coming: SegmentRecord | undefined;
  /** By number: a write that was slow to be confirmed is done twice. */
  stored: Map<number, SegmentRecord>;
  isStartAnnounced: boolean;
  lastAnnouncedSeq: number;
  why: RunEnd | undefined;
}

/** A crash can leave half a line at the end; what cannot be read says nothing. */
function readJournal(text: string): JournalContent {
  const content: JournalContent = {
    run: undefined,
    coming: undefined,
    stored: new Map(),
    isStartAnnounced: false,
    lastAnnouncedSeq: -1,
    why: undefined,
  };
  for (const line of text.split('\n')) {
    const entry = parseLine(line);
    if (!entry) continue;
    if ('run' in entry) content.run = entry.run;
    else if ('coming' in entry) content.coming = segmentRecord.safeParse(entry.coming).data;
    else if ('stored' in entry) {
      const record = segmentRecord.safeParse(entry.stored);
      if (record.success) content.stored.set(record.data.seq, record.data);
    } else if ('announced' in entry) {
      if (entry.announced === 'start') content.isStartAnnounced = true;
      else content.lastAnnouncedSeq = Math.max(content.lastAnnouncedSeq, entry.announced);
    } else content.why = entry.ended.why;
  }
  return content;
}

function parseLine(line: string): JournalLine | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null ? (entry as JournalLine) : undefined;
  } catch {
    return undefined;
  }
}

const extension = '.journal';
