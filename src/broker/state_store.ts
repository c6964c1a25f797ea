/** A value with the revision under which it is stored. */
export interface StateEntry {
  readonly value: string;
  readonly revision: number;
}

/** `put` with a revision found another one: somebody else wrote in between. Read again and decide. */
export class RevisionConflict extends Error {
  override readonly name = "RevisionConflict";
  constructor(readonly key: string) {
    super(`Cannot put "${key}": its revision has changed`);
  }
}

/**
 * Port: small facts that outlive a run: tasks finished, what a source has listed, schemas. Values are text of at most 512 KiB.
 * Keys are tokens of `[A-Za-z0-9_-]` joined by dots. Every worker of a flow sees the same store; a value put is seen by the next `get`
 * of anyone. Errors other than `RevisionConflict` may pass: call again.
 */
export interface StateStore {
  get(key: string): Promise<StateEntry | undefined>;
  /**
   * Stores, and returns the new revision (> 0, growing per key).
   * @param options.revision Only if the key is at this revision; 0: only if it does not exist. Else `RevisionConflict`.
   */
  put(key: string, value: string, options?: { revision?: number }): Promise<number>;
  /** Removing what is not there is no error. */
  delete(key: string): Promise<void>;
  /** Keys that are `prefix` or begin with `prefix.`, sorted. */
  keys(prefix: string): Promise<string[]>;
  /**
   * Calls `changed` soon after a key under `prefix` changed, and perhaps without reason. A hint only: it may be missed while the
   * connection is away, so whoever waits also looks from time to time. Ends with the signal.
   */
  watch(prefix: string, changed: () => void, signal: AbortSignal): void;
}
