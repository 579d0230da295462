import type { Readable } from 'node:stream';

import type { Clock } from '../../core/clock.ts';
import { TouchlineError } from '../../core/errors.ts';
import { startFfmpeg, throwIfFailed } from '../../core/ffmpeg.ts';
import type { RunningChild } from '../../core/process.ts';

/**
 * ffmpegs that stay and decode one segment after the other. Starting one costs 65 ms of CPU (two hundred shared
 * libraries), as much as decoding the keyframes of 4 s; one that stands answers at once. It is only for streams of which
 * a decoder holds nothing back for what might come next (see `keyframe-stream.ts`), or who are promised
 * that nobody asks the same decoder again (see `sound-container.ts`).
 */
export interface StandingFfmpegs {
  /** @throws TouchlineError when one ended, kept silent or was called off; that one is not used again */
  ask(exchange: Exchange): Promise<Buffer[]>;
  close(): Promise<void>;
}

export interface Exchange {
  /** What to start it with; one that stands with the same arguments is used again. */
  args: readonly string[];
  /** Of what was said to it first, where that differs for the same arguments. */
  kind?: string;
  /** For one with `outputCount`, what to say to it the nth time. */
  input: Uint8Array | ((turn: number) => Uint8Array);
  /** How many bytes have to come from each output, and no more. */
  answerBytes: readonly number[];
  /**
   * It answers each time from another of so many outputs, in their order, and is of no use behind the last. What comes
   * beyond the answer, of which there is one, is of no interest.
   */
  outputCount?: number;
  what: string;
  signal: AbortSignal;
}

/** The pictures of a segment take 0.1 s alone; 10 s is that on a machine overbooked a hundredfold. */
const answerMsMax = 10_000;
/** Live segments come every 2 to 6 s; what was not asked for so long belongs to a channel that went off the air. */
const idleMsMax = 15_000;
/** Each holds 30 to 40 MB of its own: four channels of different sizes at a time, and the sound of all. */
const idleCountMax = 5;
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
  turnCount: number;
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
    const { child } = standing;
    const turn = standing.turnCount;
    standing.turnCount += 1;
    const hasOwn = exchange.outputCount !== undefined;
    const outputs = hasOwn ? standing.outputs.slice(turn, turn + 1) : standing.outputs;
    const end = (): void => child.kill();
    const timer = setTimeout(end, answerMsMax);
    exchange.signal.addEventListener('abort', end, { once: true });
    if (exchange.signal.aborted || this.#isClosed) end();
    try {
      if (outputs.some((output) => output.hasStray)) throw new Error('it said more than was asked for');
      child.stdin.write(typeof exchange.input === 'function' ? exchange.input(turn) : exchange.input);
      const answers = await Promise.all(
        outputs.map(async (output, index) => await output.read(exchange.answerBytes[index] ?? 0, hasOwn)),
      );
      if (standing.turnCount === exchange.outputCount) void this.#end(standing);
      else this.#giveBack(standing);
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

  #take(exchange: Exchange): Standing | undefined {
    const key = keyOf(exchange);
    const index = this.#idle.findLastIndex((one) => one.key === key);
    const [standing] = index < 0 ? [] : this.#idle.splice(index, 1);
    clearTimeout(standing?.idleTimer);
    return standing;
  }

  async #start(exchange: Exchange): Promise<Standing> {
    const { args, answerBytes, outputCount, what } = exchange;
    const child = await startFfmpeg({
      args,
      what,
      extraOutputs: (outputCount ?? answerBytes.length) - 1,
      wallMsMax: 2 * ageMsMax,
    });
    const standing: Standing = {
      key: keyOf(exchange),
      child,
      outputs: child.outputs.map((output) => new OutputReader(output)),
      startedMs: this.#clock.monotonicMs(),
      turnCount: 0,
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

function keyOf({ args, kind }: Exchange): string {
  return JSON.stringify([kind, ...args]);
}

/** Hands out an output in pieces of a wanted size. */
class OutputReader {
  readonly #chunks: Buffer[] = [];
  #byteCount = 0;
  #isEnded = false;
  #isDeaf = false;
  #onChange: () => void = () => {};

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => {
      if (this.#isDeaf) return;
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

  /** @param isLast nothing that comes behind it is of interest */
  async read(byteCount: number, isLast: boolean): Promise<Buffer> {
    await new Promise<void>((resolve, reject) => {
      this.#onChange = () => {
        if (this.#byteCount >= byteCount) resolve();
        else if (this.#isEnded) reject(new Error(`it ended with ${this.#byteCount} of ${byteCount} bytes`));
      };
      this.#onChange();
    });
    const all = Buffer.concat(this.#chunks.splice(0));
    this.#byteCount = 0;
    this.#isDeaf = isLast;
    if (isLast) return all.subarray(0, byteCount);
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
