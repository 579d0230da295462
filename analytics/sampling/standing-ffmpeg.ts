import type { Readable } from 'node:stream';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { startFfmpeg, throwIfFailed } from '../../core/ffmpeg.ts';
import type { RunningChild } from '../../core/process.ts';

/**
 * ffmpegs that stay and decode one segment after the other. Starting one costs 65 ms of CPU (two hundred shared
 * libraries), as much as decoding the keyframes of 4 s; one that stands answers at once. It is only for streams of which
 * a decoder holds nothing back for what might come next (see `keyframe-stream.ts`).
 */
export interface StandingFfmpegs {
  /** @throws TouchlineError when one ended, kept silent or was called off; that one is not used again */
  ask(exchange: Exchange): Promise<Buffer[]>;
  close(): Promise<void>;
}

export interface Exchange {
  /** What to start it with; one that stands with the same arguments is used again. */
  args: readonly string[];
  input: Uint8Array;
  /** How many bytes have to come from each output, and no more. */
  answerBytes: readonly number[];
  what: string;
  signal: AbortSignal;
}

/** The pictures of a segment take 0.1 s alone; 10 s is that on a machine overbooked a hundredfold. */
const answerMsMax = 10_000;
/** Live segments come every 2 to 6 s; what was not asked for so long belongs to a channel that went off the air. */
const idleMsMax = 15_000;
/** Each holds 30 to 40 MB of its own: four channels of different sizes at a time. */
const idleCountMax = 4;
/** What leaks in ffmpeg has leaked little by then, and a start every five minutes costs nothing. */
const ageMsMax = 300_000;

/** It ends within 50 ms of its input; longer only on a machine that is busy, or when it hangs. */
const endMsMax = 2_000;

export function createStandingFfmpegs(options: { clock: Clock }): StandingFfmpegs {
  return new Pool(options.clock);
}

interface Standing {
  key: string;
  child: RunningChild;
  outputs: OutputReader[];
  startedMs: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/** One that is being asked is not in `#idle`; it comes back when it has answered in full, else it is ended. */
class Pool implements StandingFfmpegs {
  readonly #clock: Clock;
  readonly #idle: Standing[] = [];
  readonly #all = new Set<Standing>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async ask(exchange: Exchange): Promise<Buffer[]> {
    const standing = this.#take(exchange) ?? (await this.#start(exchange));
    const { child, outputs } = standing;
    const end = (): void => child.kill();
    const timer = setTimeout(end, answerMsMax);
    exchange.signal.addEventListener('abort', end, { once: true });
    if (exchange.signal.aborted || this.#isClosed) end();
    try {
      if (outputs.some((output) => output.hasStray)) throw new Error('it said more than was asked for');
      child.stdin.write(exchange.input);
      const answers = await Promise.all(
        outputs.map(async (output, index) => await output.read(exchange.answerBytes[index] ?? 0)),
      );
      this.#giveBack(standing);
      return answers;
    } catch (thrown) {
      await this.#end(standing);
      if (exchange.signal.aborted) throwIfFailed(await child.exit, { ...exchange, wallMsMax: answerMsMax });
      throw noAnswer(exchange.what, thrown);
    } finally {
      clearTimeout(timer);
      exchange.signal.removeEventListener('abort', end);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#all].map(async (standing) => await this.#end(standing)));
  }

  #take({ args }: Exchange): Standing | undefined {
    const key = JSON.stringify(args);
    const index = this.#idle.findLastIndex((one) => one.key === key);
    const [standing] = index < 0 ? [] : this.#idle.splice(index, 1);
    clearTimeout(standing?.idleTimer);
    return standing;
  }

  async #start({ args, answerBytes, what }: Exchange): Promise<Standing> {
    const child = await startFfmpeg({
      args,
      what,
      extraOutputs: answerBytes.length - 1,
      wallMsMax: 2 * ageMsMax,
    });
    const standing: Standing = {
      key: JSON.stringify(args),
      child,
      outputs: child.outputs.map((output) => new OutputReader(output)),
      startedMs: this.#clock.monotonicMs(),
      idleTimer: undefined,
    };
    this.#all.add(standing);
    void child.exit.then(() => this.#forget(standing));
    return standing;
  }

  #giveBack(standing: Standing): void {
    const isOld = this.#clock.monotonicMs() - standing.startedMs > ageMsMax;
    if (isOld || this.#isClosed) {
      void this.#end(standing);
      return;
    }
    this.#idle.push(standing);
    standing.idleTimer = setTimeout(() => void this.#end(standing), idleMsMax);
    const [oldest] = this.#idle;
    if (this.#idle.length > idleCountMax && oldest) void this.#end(oldest);
  }

  /** Its input ends, and then so does it: of a sandbox that is killed, the inner half is still there for a moment. */
  async #end(standing: Standing): Promise<void> {
    this.#forget(standing);
    standing.child.stdin.end();
    const timer = setTimeout(() => standing.child.kill(), endMsMax);
    await standing.child.exit;
    clearTimeout(timer);
  }

  #forget(standing: Standing): void {
    clearTimeout(standing.idleTimer);
    this.#all.delete(standing);
    const index = this.#idle.indexOf(standing);
    if (index >= 0) this.#idle.splice(index, 1);
  }
}

/** Hands out an output in pieces of a wanted size. */
class OutputReader {
  readonly #chunks: Buffer[] = [];
  #byteCount = 0;
  #isEnded = false;
  #onChange: () => void = () => {};

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#byteCount += chunk.length;
      this.#onChange();
    });
    stream.on('error', () => {});
    stream.once('close', () => {
      this.#isEnded = true;
      this.#onChange();
    });
  }

  /** Bytes that nobody asked for. */
  get hasStray(): boolean {
    return this.#byteCount > 0;
  }

  async read(byteCount: number): Promise<Buffer> {
    await new Promise<void>((resolve, reject) => {
      this.#onChange = () => {
        if (this.#byteCount >= byteCount) resolve();
        else if (this.#isEnded) reject(new Error(`it ended with ${this.#byteCount} of ${byteCount} bytes`));
      };
      this.#onChange();
    });
    const all = Buffer.concat(this.#chunks.splice(0));
    this.#byteCount = 0;
    // More than was asked for: whose it is nobody can tell.
    if (all.length > byteCount) throw new Error(`it gave ${all.length - byteCount} bytes too many`);
    return all;
  }
}

/** Retryable, because it is: the caller has ffmpeg decode this segment alone. */
function noAnswer(what: string, cause: unknown): TouchlineError {
  return new TouchlineError({
    code: 'ffmpeg.no-answer',
    message: `a standing ffmpeg gave no full answer while ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    retryable: true,
    blame: 'environment',
    cause,
  });
}
