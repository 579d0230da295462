import type { Message } from '@aws-sdk/client-sqs';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { attemptsMax, type DeadJob } from './queue.ts';
import { batchCountMax, pollSecondsMax, type SqsApi } from './sqs-api.ts';
import { decodeMessage, idSaidBy } from './sqs-message.ts';
import type { TroubleLog } from './trouble-log.ts';

/** Handing a dead job out is a line in the ledger. */
const visibilitySeconds = 30;
/** Nobody could take it just now. */
const againSeconds = 1;
/** An attribute counts as part of its message; what ffmpeg says may be long. */
const reasonCharsMax = 1_000;
const awayMs = 1_000;

/** The dead-letter queue: where dead jobs lie with the reason, until somebody has taken note. */
export class Grave {
  readonly #api: SqsApi;
  readonly #url: string;

  constructor(options: { api: SqsApi; url: string }) {
    this.#api = options.api;
    this.#url = options.url;
  }

  async bury(dead: { body: string; reason: string; attempts: number; kind: string }): Promise<void> {
    const attributes = {
      reason: { DataType: 'String', StringValue: readable(dead.reason) },
      attempts: { DataType: 'Number', StringValue: String(dead.attempts) },
      kind: { DataType: 'String', StringValue: dead.kind },
    };
    await this.#api.send(this.#url, [{ body: dead.body, attributes }]);
  }

  /** Hands each out until `handle` resolves. Returns when `signal` aborts. */
  async empty(
    options: { signal: AbortSignal; handle: (dead: DeadJob) => Promise<void> },
    { clock, log, trouble }: { clock: Clock; log: Log; trouble: TroubleLog },
  ): Promise<void> {
    const { signal, handle } = options;
    while (!signal.aborted) {
      try {
        const messages = await this.#api.receive({
          url: this.#url,
          countMax: batchCountMax,
          waitSeconds: pollSecondsMax,
          visibilitySeconds,
          signal,
        });
        for (const message of messages) {
          const receipt = message.ReceiptHandle ?? '';
          const dead = toDead(message);
          const isTaken = await handle(dead).then(
            () => true,
            (error: unknown) => {
              log.warn('a dead job was not taken', { jobId: dead.jobId, error });
              return false;
            },
          );
          if (isTaken) await this.#api.remove(this.#url, [receipt]);
          else await this.#api.hide(this.#url, [{ receipt, seconds: againSeconds }]);
        }
      } catch (error) {
        if (signal.aborted) return;
        trouble.report(error);
        await clock.sleep(awayMs, signal).catch(() => undefined);
      }
    }
  }
}

function toDead(message: Message): DeadJob {
  const { job } = decodeMessage(message.Body ?? '');
  const { reason, attempts } = message.MessageAttributes ?? {};
  return {
    jobId: job?.id ?? idSaidBy(message.Body ?? '') ?? message.MessageId ?? '',
    job,
    // Without one it was moved by SQS itself: nobody was left to say why.
    reason:
      reason?.StringValue ?? 'it was received too often: its worker died each time before it could say why',
    attempts: Number(attempts?.StringValue ?? attemptsMax),
  };
}

/** What SQS takes as text: no control characters but tab and line ends, and not nothing. */
function readable(text: string): string {
  const clean = Buffer.from(text.slice(0, reasonCharsMax))
    .toString()
    .replaceAll(/[^\t\n\r\u0020-\ufffd]/g, '\ufffd');
  return clean === '' ? 'no reason was given' : clean;
}
