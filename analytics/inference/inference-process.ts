import { TouchlineError } from '../../core/errors.ts';
import { digestId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { siblingModule, startModule, type ModuleChild, type ProcessExit } from '../../core/process.ts';
import type { InferenceReply, InferenceRequest } from './inference-messages.ts';
import type { Device } from './device.ts';
import type { Inference, InferenceCall, LoadReport, Tensor } from './inference.ts';
import type { ModelPack } from './model-manifest.ts';

/**
 * The heaviest call of the pack takes 0.2 s alone; 20 s is that on a machine which is ten times overbooked, with a
 * model to load first. What takes longer hangs (https://github.com/microsoft/onnxruntime/issues/21418).
 */
const callWallMsDefault = 20_000;
/**
 * Sessions are said to leak (https://github.com/microsoft/onnxruntime/issues/25325); 800 calls of the pack in mixed sizes
 * went from 165 to 200 MB and stayed there. A new child costs 0.4 s, so one in some hours of a channel costs nothing.
 */
const callCountMaxDefault = 20_000;

/**
 * On a CPU more than 8 pictures a call are no faster (measured), and the child stays within a second of any other caller. A GPU
 * wants all that a segment has at once: 10 s at 25 frames a second.
 */
const batchMaxes: Readonly<Record<Device, number>> = { cpu: 8, cuda: 250 };

export interface InferenceOptions {
  log: Log;
  callWallMsMax?: number;
  /** A child that has served so many calls is replaced. */
  callCountMax?: number;
  /** Where models run; default the CPU. */
  device?: Device;
  /** LD_LIBRARY_PATH for the child, where CUDA's libraries lie in folders of their own. */
  libraryPath?: string | undefined;
}

/** Starts the inference child at the first call, replaces it when it dies, hangs or has grown old. */
export function createInference(options: InferenceOptions): Inference & { childPid(): number | undefined } {
  return new InferenceProcess(options);
}

interface Answer {
  outputs: Record<string, Tensor>;
  loaded: LoadReport | undefined;
}

interface Waiting {
  model: ModelPack;
  call: InferenceCall | undefined;
  signal: AbortSignal | undefined;
  resolve(answer: Answer): void;
  reject(error: TouchlineError): void;
}

interface Child {
  process: ModuleChild;
  loaded: Set<string>;
  callCount: number;
  /** Set while a call is in hand: the reply, or how the child ended without one. */
  onAnswer: ((answer: InferenceReply | ProcessExit) => void) | undefined;
}

/**
 * Modes: idle, serving (`#isServing`: one call in hand, others waiting), closed (nothing is accepted any more).
 * idle -> serving when a call comes; serving -> idle when the last one was answered; any -> closed by `close`.
 */
class InferenceProcess implements Inference {
  readonly batchMax: number;
  readonly #log: Log;
  readonly #callWallMsMax: number;
  readonly #callCountMax: number;
  readonly #device: Device;
  readonly #libraryPath: string | undefined;
  readonly #waiting: Waiting[] = [];
  #child: Child | undefined;
  #isServing = false;
  #serving: Promise<void> = Promise.resolve();
  #callId = 0;
  #isClosed = false;

  constructor(options: InferenceOptions) {
    this.#log = options.log.child({ part: 'inference' });
    this.#callWallMsMax = options.callWallMsMax ?? callWallMsDefault;
    this.#callCountMax = options.callCountMax ?? callCountMaxDefault;
    this.#device = options.device ?? 'cpu';
    this.batchMax = batchMaxes[this.#device];
    this.#libraryPath = options.libraryPath;
  }

  async load(model: ModelPack, signal?: AbortSignal): Promise<LoadReport | undefined> {
    return (await this.#enqueue(model, undefined, signal)).loaded;
  }

  async run(model: ModelPack, call: InferenceCall, signal?: AbortSignal): Promise<Record<string, Tensor>> {
    return (await this.#enqueue(model, call, signal)).outputs;
  }

  async #enqueue(
    model: ModelPack,
    call: InferenceCall | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    if (this.#isClosed) throw calledOff('inference has been closed');
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ model, call, signal, resolve, reject });
      if (!this.#isServing) this.#serving = this.#serve();
    });
  }

  /** For tests and for the doctor. */
  childPid(): number | undefined {
    return this.#child?.process.pid;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const one of this.#waiting.splice(0)) one.reject(calledOff('inference was closed before this call'));
    await this.#endChild();
    await this.#serving;
    await this.#endChild(); // One that was being started.
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (next.signal?.aborted) {
        next.reject(calledOff(`running ${next.model.manifest.id} was called off`));
        continue;
      }
      try {
        next.resolve(await this.#ask(next.model, next.call));
      } catch (thrown) {
        next.reject(thrown as TouchlineError);
      }
      if ((this.#child?.callCount ?? 0) >= this.#callCountMax) await this.#endChild();
    }
    this.#isServing = false;
  }

  async #ask(model: ModelPack, call: InferenceCall | undefined): Promise<Answer> {
    const child = (this.#child ??= await this.#startChild());
    if (this.#isClosed) throw calledOff('inference was closed before this call');
    const modelKey = keyOf(model);
    const isLoaded = child.loaded.has(modelKey);
    const callId = (this.#callId += 1);
    child.callCount += 1;
    const reply = await this.#exchange(child, {
      callId,
      modelKey,
      load: isLoaded ? undefined : { pack: model, device: this.#device },
      call,
    });
    if (reply.ok || reply.isLoaded) child.loaded.add(modelKey);
    if (reply.ok) return reply;
    throw new TouchlineError(reply.error);
  }

  /** One request and its answer, or the end of the child, or the wall limit, whichever is first. */
  async #exchange(child: Child, request: InferenceRequest): Promise<InferenceReply> {
    const what = `running ${request.modelKey.split('@')[0]}`;
    let isTooLate = false;
    const timer = setTimeout(() => {
      isTooLate = true;
      child.process.kill();
    }, this.#callWallMsMax);
    try {
      const answer = new Promise<InferenceReply | ProcessExit>((resolve) => {
        child.onAnswer = resolve;
      });
      child.process.send(request);
      const reply = await answer;
      if ('callId' in reply) return reply;
      if (this.#isClosed) throw calledOff(`inference was closed while ${what}`);
      throw isTooLate ? tooLate(what, this.#callWallMsMax) : crashed(what, reply);
    } finally {
      clearTimeout(timer);
      child.onAnswer = undefined;
    }
  }

  async #startChild(): Promise<Child> {
    const process = await startModule({
      url: siblingModule(import.meta.url, 'inference-child'),
      // The environment holds credentials; a model needs none of it.
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        ...(this.#libraryPath ? { LD_LIBRARY_PATH: this.#libraryPath } : {}),
      },
      stderr: 'keep',
    });
    this.#log.debug('inference child started', { pid: process.pid });
    const child: Child = { process, loaded: new Set(), callCount: 0, onAnswer: undefined };
    process.onMessage((message) => child.onAnswer?.(message as InferenceReply));
    void process.exit.then((exit) => {
      if (this.#child === child) this.#child = undefined;
      child.onAnswer?.(exit);
    });
    return child;
  }

  async #endChild(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    child.process.kill();
    await child.process.exit;
  }
}

/** Another manifest for the same bytes is another model: it has not been checked. */
function keyOf(model: ModelPack): string {
  const known = keys.get(model);
  if (known !== undefined) return known;
  const key = `${model.manifest.id}@${digestId(JSON.stringify(model))}`;
  keys.set(model, key);
  return key;
}
const keys = new WeakMap<ModelPack, string>();

function calledOff(message: string): TouchlineError {
  return new TouchlineError({ code: 'aborted', message, retryable: true, blame: 'touchline' });
}

function tooLate(what: string, wallMs: number): TouchlineError {
  return new TouchlineError({
    code: 'inference.wall-limit',
    message: `the inference process was ended after ${wallMs} ms while ${what}: the limit for one call`,
    retryable: true,
    blame: 'environment',
  });
}

function crashed(what: string, exit: ProcessExit): TouchlineError {
  const how = exit.exitCode === null ? `by ${exit.signal}` : `with exit code ${exit.exitCode}`;
  return new TouchlineError({
    code: 'inference.crashed',
    message: `the inference process ended ${how} while ${what} (last line: "${exit.stderrTail.at(-1) ?? 'it said nothing'}")`,
    retryable: true,
    blame: 'environment',
  });
}
