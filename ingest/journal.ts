import { readdirSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { Log } from '../core/log.ts';
import { segmentRecord, type SegmentRecord } from '../core/segment.ts';

import type { EndedRun, IngestEvents, IngestHost, RunEnd } from './channel.ts';
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
    try {
      await journal.#append({ run });
      await syncFolder(folder);
      return journal;
    } catch (error) {
      await journal.close(false);
      throw error;
    }
  }

  /** What the store did not take before the end of the run: kept beside the journal, and stored at the next start. */
  async keep(record: SegmentRecord, media: Uint8Array | { path: string }): Promise<void> {
    const path = keptPath(this.#path, record);
    if (!('path' in media)) {
      const file = await open(path, 'w');
      try {
        await file.writeFile(media);
        await file.datasync();
      } finally {
        await file.close();
      }
    } else await rename(media.path, path);
    await syncFolder(dirname(path));
    await this.#append({ kept: record });
  }

  /** Before it goes to the store: a crash between the two must not leave an object that nobody knows of. */
  async coming(record: SegmentRecord): Promise<void> {
    await this.#append({ coming: record });
  }

  async stored(record: SegmentRecord): Promise<void> {
    await this.#append({ stored: record });
  }

  async ended(end: Pick<EndedRun, 'why' | 'segmentCount' | 'notes'>): Promise<void> {
    await this.#append({ ended: end });
  }

  /** Not synced: when it is lost, the same thing is announced twice, which is allowed. */
  async announced(what: 'start' | number): Promise<void> {
    await this.#append({ announced: what }, false);
  }

  /** @param isComplete everything is stored and was announced: nothing is left to repair */
  async close(isComplete: boolean): Promise<void> {
    await this.#written;
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

/** Without it a crash can lose the names of new files. */
async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
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
 * Does what a crash, or a store that was away at the end, left undone: stores the segments that were kept, and tells of
 * those that nobody heard of and of the end of their runs. Doing it twice stores and tells the same again, which changes
 * nothing; when it is called off, what is left stays for the next start.
 */
export async function repairJournals(options: {
  /** As `leftJournals` gave them, before new runs began. */
  paths: readonly string[];
  host: Pick<IngestHost, 'hasSegment' | 'putSegment'>;
  events: IngestEvents;
  persistence: Persistence;
  log: Log;
}): Promise<{ runCount: number; segmentCount: number }> {
  const { paths, host, events, persistence, log } = options;
  const repaired = { runCount: 0, segmentCount: 0 };
  for (const path of paths) {
    const read = (): Promise<string> => readFile(path, 'utf8');
    const told = readJournal(await persistence.insist('read journal', read, { isLocal: true }));
    const { run } = told;
    if (run) {
      const { channelId, runId } = run;
      const keptCount = await storeKept(path, told, options);
      const { coming } = told;
      if (coming && !told.stored.has(coming.seq)) {
        const isStored = await persistence.insist('look for segment', () => host.hasSegment(coming.key));
        if (isStored) told.stored.set(coming.seq, coming);
      }
      if (!told.isStartAnnounced) await persistence.insist('announce', () => events.onRunStarted(run));
      const unheard = [...told.stored.values()].filter((record) => record.seq > told.lastAnnouncedSeq);
      for (const record of unheard) await persistence.insist('announce', () => events.onSegment(record));
      const segmentCount = told.stored.size;
      const { why = 'crash', notes } = told;
      const end = { channelId, runId, segmentCount, why, notes };
      await persistence.insist('announce', () => events.onRunEnded(end));
      repaired.runCount += 1;
      repaired.segmentCount += unheard.length;
      const fields = { channelId, runId, segmentCount, keptCount, announcedNow: unheard.length, why };
      log.warn('run repaired', fields);
    }
    // All is told: that is not to be told again only because the house closes now.
    await persistence.tryOnDisk('remove journal', () => removeJournal(path));
  }
  return repaired;
}

/** In order, so that they are told in order. @returns how many there were */
async function storeKept(
  path: string,
  told: JournalContent,
  { host, persistence, log }: Parameters<typeof repairJournals>[0],
): Promise<number> {
  let count = 0;
  for (const record of told.kept) {
    if (told.stored.has(record.seq)) continue;
    const read = async (): Promise<Uint8Array | undefined> => {
      const bytes = await readFile(keptPath(path, record)).catch(undefinedIfAbsent);
      return bytes?.length === record.bytes ? bytes : undefined;
    };
    const bytes = await persistence.insist('read kept segment', read, { isLocal: true });
    if (!bytes) {
      log.error('a kept segment is gone', { segmentId: record.id, path: keptPath(path, record) });
      continue;
    }
    await persistence.insist('store segment', () => host.putSegment(record.key, bytes));
    told.stored.set(record.seq, record);
    count += 1;
  }
  return count;
}

/** The journal last: as long as it lies there, what it speaks of does too. */
async function removeJournal(path: string): Promise<void> {
  const folder = dirname(path);
  const mine = `${basename(path, extension)}.`;
  for (const name of await readdir(folder)) {
    if (name.startsWith(mine) && name.endsWith(keptExtension)) await rm(join(folder, name), { force: true });
  }
  await rm(path, { force: true });
}

function keptPath(journalPath: string, { seq }: SegmentRecord): string {
  return `${journalPath.slice(0, -extension.length)}.${seq}${keptExtension}`;
}

function undefinedIfAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

type JournalLine =
  | { run: RunIdentity }
  | { coming: SegmentRecord }
  | { stored: SegmentRecord }
  | { announced: 'start' | number }
  | { kept: SegmentRecord }
  | { ended: Pick<EndedRun, 'why' | 'segmentCount' | 'notes'> };

interface JournalContent {
  /** Undefined when not even the first line is whole: then nothing of the run was stored. */
  run: RunIdentity | undefined;
  /** The newest that was on its way to the store. Segments go there one by one, so no other can be in doubt. */
  coming: SegmentRecord | undefined;
  /** By number: a write that was slow to be confirmed is done twice. */
  stored: Map<number, SegmentRecord>;
  /** Not stored when the run ended; their bytes lie beside the journal. Ascending. */
  kept: SegmentRecord[];
  isStartAnnounced: boolean;
  lastAnnouncedSeq: number;
  why: RunEnd | undefined;
  notes: readonly string[];
}

/** A crash can leave half a line at the end; what cannot be read says nothing. */
function readJournal(text: string): JournalContent {
  const content: JournalContent = {
    run: undefined,
    coming: undefined,
    stored: new Map(),
    kept: [],
    isStartAnnounced: false,
    lastAnnouncedSeq: -1,
    why: undefined,
    notes: [],
  };
  for (const line of text.split('\n')) {
    const entry = parseLine(line);
    if (!entry) continue;
    if ('run' in entry) content.run = entry.run;
    else if ('coming' in entry) content.coming = segmentRecord.safeParse(entry.coming).data;
    else if ('stored' in entry) {
      const record = segmentRecord.safeParse(entry.stored);
      if (record.success) content.stored.set(record.data.seq, record.data);
    } else if ('kept' in entry) {
      const record = segmentRecord.safeParse(entry.kept);
      if (record.success) content.kept.push(record.data);
    } else if ('announced' in entry) {
      if (entry.announced === 'start') content.isStartAnnounced = true;
      else content.lastAnnouncedSeq = Math.max(content.lastAnnouncedSeq, entry.announced);
    } else {
      content.why = entry.ended.why;
      content.notes = entry.ended.notes ?? [];
    }
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
const keptExtension = '.kept';
