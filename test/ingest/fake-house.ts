import { TouchlineError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { SegmentRecord } from '../../core/segment.ts';
import type { ChannelHealth, EndedRun, IngestEvents, IngestHost } from '../../ingest/channel.ts';

type Heard = number | string;

/** A store and a listener that can be told to misbehave, and remember what reached them. */
export class FakeHouse implements IngestHost, IngestEvents {
  readonly objects = new Map<string, Uint8Array>();
  readonly segments: SegmentRecord[] = [];
  /** 'start', sequence numbers, and `<why> <count>` for the end: as announced, repetitions included. */
  readonly heard: Heard[] = [];
  readonly healths: ChannelHealth[] = [];
  readonly runs: string[] = [];
  readonly ends: EndedRun[] = [];
  putCount = 0;
  onHeard: (what: Heard) => void = () => {};
  /** Called before each put; what it throws, the store throws. */
  beforePut: (key: string) => Promise<void> = async () => {};
  beforeAnnounce: (what: Heard) => Promise<void> = async () => {};
  readonly #watchers = new Set<() => void>();

  failPuts(count: number): void {
    let left = count;
    this.beforePut = async () => {
      left -= 1;
      if (left >= 0) throw unavailable();
    };
  }

  async authenticate(key: Secret): Promise<string | undefined> {
    const [name, channelId] = key.reveal().split('-');
    return name === 'good' ? channelId : undefined;
  }

  async putSegment(key: string, bytes: Uint8Array): Promise<void> {
    this.putCount += 1;
    await this.beforePut(key);
    const known = this.objects.get(key);
    if (known && !Buffer.from(known).equals(bytes))
      throw new Error(`${key} was written twice with other bytes`);
    this.objects.set(key, bytes);
    this.#tell();
  }

  async hasSegment(key: string): Promise<boolean> {
    return this.objects.has(key);
  }

  async onRunStarted(run: { channelId: string; runId: string; startWallMs: number }): Promise<void> {
    await this.#hear('start');
    this.runs.push(run.runId);
  }

  async onSegment(record: SegmentRecord): Promise<void> {
    if (!this.objects.has(record.key)) throw new Error(`${record.key} was announced and is not in the store`);
    await this.#hear(record.seq, () => this.segments.push(record));
  }

  async onSegmentLate(): Promise<void> {
    throw new Error('the local driver stores its segments itself: none can be late');
  }

  async onRunEnded(run: EndedRun): Promise<void> {
    await this.#hear(`${run.why} ${run.segmentCount}`, () => this.ends.push(run));
  }

  onHealth(health: ChannelHealth): void {
    this.healths.push(health);
    this.#tell();
  }

  /** Resolves when `condition` holds; it is looked at after everything that reaches the house. */
  async until(condition: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const watcher = (): void => {
        if (!condition()) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }

  async #hear(what: Heard, accept?: () => void): Promise<void> {
    await this.beforeAnnounce(what);
    this.heard.push(what);
    accept?.();
    this.onHeard(what);
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

export function unavailable(code = 'store.unavailable'): TouchlineError {
  return new TouchlineError({ code, message: 'the store is away', retryable: true, blame: 'environment' });
}
