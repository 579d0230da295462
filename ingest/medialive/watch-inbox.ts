import type { Clock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { isWorthALine, type Log } from '../../core/log.ts';

import { readObjectEvents } from './object-events.ts';
import { layoutRoot, readSegmentKey, type SegmentPlace } from './watch-key.ts';

/** Where the events about new objects come in: an SQS queue. */
export interface EventInbox {
  /** Waits for messages, not without an end; none is an answer as well. */
  receive(signal: AbortSignal): Promise<InboxMessage[]>;
}

interface InboxMessage {
  body: string;
  acknowledge(): Promise<void>;
  /** Puts it aside for people, with the reason. */
  reject(reason: string): Promise<void>;
}

export interface InboxReaderOptions {
  inbox: EventInbox;
  bucket: string;
  prefix: string;
  clock: Clock;
  log: Log;
  onSegment: (place: SegmentPlace) => void;
}

export interface InboxFigures {
  messageCount: number;
  /** Messages put aside. */
  rejectedCount: number;
  lastRejection: string | undefined;
  /** Events about objects that are no segments: playlists, mostly. */
  otherObjectCount: number;
  /** Why nothing could be received when last tried. */
  failure: string | undefined;
}

/**
 * Reads events until `signal` aborts. A message is acknowledged as soon as it was passed on: it is no more than a hint to look,
 * and what lies in the bucket is found without it too. What is no event about our objects is put aside, with the reason.
 */
export class InboxReader {
  readonly figures: InboxFigures = {
    messageCount: 0,
    rejectedCount: 0,
    lastRejection: undefined,
    otherObjectCount: 0,
    failure: undefined,
  };
  readonly #options: InboxReaderOptions;

  constructor(options: InboxReaderOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { inbox, clock, log } = this.#options;
    for (let failureCount = 0; !signal.aborted;) {
      try {
        const messages = await inbox.receive(signal);
        this.figures.failure = undefined;
        failureCount = 0;
        await Promise.all(messages.map((message) => this.#handle(message)));
      } catch (thrown) {
        if (signal.aborted) return;
        failureCount += 1;
        const error = asTouchlineError(thrown);
        this.figures.failure = error.message;
        if (isWorthALine(failureCount)) log.warn('events not received', { failureCount, error });
        const delayMs = Math.min(delayMsMax, delayMsFirst * 2 ** Math.min(failureCount, 10));
        await clock.sleep(delayMs, signal).catch(() => {});
      }
    }
  }

  async #handle(message: InboxMessage): Promise<void> {
    const { log } = this.#options;
    this.figures.messageCount += 1;
    const problems = this.#passOn(message.body);
    try {
      if (problems.length === 0) {
        await message.acknowledge();
        return;
      }
      const reason = problems.slice(0, reasonsMax).join('; ');
      this.figures.rejectedCount += 1;
      this.figures.lastRejection = reason;
      log.warn('event rejected', { reason, rejectedCount: this.figures.rejectedCount });
      await message.reject(reason);
    } catch (error) {
      log.warn('message not settled: it will come again', { error });
    }
  }

  /** @returns what is wrong with the message; what is right with it has been passed on all the same */
  #passOn(body: string): string[] {
    const { bucket, prefix, onSegment } = this.#options;
    const { created, problems } = readObjectEvents(body);
    for (const object of created) {
      const key = JSON.stringify(object.key.slice(0, 200));
      const place = readSegmentKey(prefix, object.key);
      if (object.bucket !== bucket) problems.push(`the bucket is "${object.bucket}", not "${bucket}"`);
      else if (place) onSegment(place);
      else if (!object.key.startsWith(layoutRoot(prefix))) {
        problems.push(`the key ${key} is not below "${layoutRoot(prefix)}"`);
      } else if (object.key.endsWith('.ts')) problems.push(`the key ${key} is not of a segment of ours`);
      else this.figures.otherObjectCount += 1;
    }
    return problems;
  }
}

const delayMsFirst = 500;
const delayMsMax = 30_000;
/** A message attribute, where the reason goes, is no place for a thousand of them. */
const reasonsMax = 5;
