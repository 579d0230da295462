/**
 * Objects under keys: `segments/...`, `clips/...`. Written once, whole; readers never see half of one.
 * One contract suite (`test/store/object-store-contract.ts`) runs against every engine.
 *
 * Keys are `/`-separated parts of `[A-Za-z0-9._-]`, no part `.` or `..`, at most 512 characters
 * (TouchlineError `store.bad-key` otherwise).
 */
export interface ObjectStore {
  /**
   * Durable when it resolves. `ifNoneMatch`: an existing object is left as it is and `created` is false; the caller
   * compares `sha256` when it matters. Without it an existing object is replaced in one step.
   * The type has to be the one that the ending of the key says (`store.bad-key`).
   *
   * @throws TouchlineError `store.full` (retryable), `store.unavailable` (retryable)
   */
  put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: { contentType: string; ifNoneMatch?: boolean },
  ): Promise<{ created: boolean; object: PutObject }>;

  /** @param range bytes, both ends inclusive. @throws TouchlineError `store.not-found` */
  get(key: string, range?: { start: number; end: number }): Promise<Uint8Array>;

  /** As `get`, for what should not be held in memory. */
  stream(key: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array>>;

  /** Undefined when there is no such object. */
  head(key: string): Promise<ObjectInfo | undefined>;

  /** Keys under a prefix in ascending order, after `startAfter`, at most `limit` (<= 1000). */
  list(prefix: string, options?: { startAfter?: string; limit?: number }): Promise<ObjectInfo[]>;

  /** Gone when it resolves; removing what is not there is fine. */
  remove(key: string): Promise<void>;

  /** A path on this machine where the object lies as a file, for people; undefined when the engine has none. */
  localPath(key: string): string | undefined;

  /**
   * An address that gives the object to whoever has it, for `seconds` (<= 900, more is cut to that), so that a browser
   * fetches it there. Left out by engines that have no such addresses.
   */
  presign?(key: string, options: { seconds: number; downloadName?: string }): Promise<string>;

  /** Writes, reads and removes a probe object. @throws TouchlineError saying what is wrong and how to mend it */
  check(): Promise<void>;
}

export interface ObjectInfo {
  key: string;
  bytes: number;
  contentType: string;
  /** Strong validator, quoted as in HTTP. */
  etag: string;
  modifiedAtMs: number;
}

/** An engine need not know yet when the object was written. */
export type PutObject = Omit<ObjectInfo, 'modifiedAtMs'>;
