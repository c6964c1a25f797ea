import { RevisionConflict, type StateStore } from "../../broker/state_store.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { waitAtMost } from "../../base/time/waiting.ts";

/** A change may be missed while the connection is away, so whoever waits looks this often all the same. */
const LOOK_EVERY_MS = 1000;

/**
 * Who is finished in a batch run (DESIGN.md 6, "End of a batch"). A source is finished when everything it emitted is confirmed; another task
 * when all its producers are and its queue is worked off. Any worker of the task may record it, and more than one may.
 */
export class BatchEnd {
  readonly #state: StateStore;
  readonly #names: FlowNames;
  readonly #run: string;
  readonly #log: Logger;
  /** As far as is known here: a task that is finished stays so. */
  readonly #finished = new Set<string>();
  readonly #waiters = new Set<
    { readonly tasks: readonly string[]; readonly resolve: () => void }
  >();
  #isLooking = false;
  /** Ends the pause between two looks. */
  #wake = () => {};

  constructor(options: { state: StateStore; names: FlowNames; run: string; log: Logger }) {
    this.#state = options.state;
    this.#names = options.names;
    this.#run = options.run;
    this.#log = options.log;
  }

  async isFinished(task: string): Promise<boolean> {
    return await this.#state.get(this.#key(task)) !== undefined;
  }

  async finish(task: string): Promise<void> {
    await this.#state.put(this.#key(task), new Date().toISOString());
    this.#finished.add(task);
    this.#notify();
  }

  /** Counts one more dead letter of the run. */
  async noteDead(task: string): Promise<void> {
    const key = this.#names.state("dead", this.#run, task);
    for (;;) {
      const entry = await this.#state.get(key);
      const count = Number(entry?.value ?? 0) + 1;
      try {
        await this.#state.put(key, String(count), { revision: entry?.revision ?? 0 });
        return;
      } catch (error) {
        // Another worker counted in between.
        if (!(error instanceof RevisionConflict)) throw error;
      }
    }
  }

  /** How many dead letters all workers of the run have noted, by task. */
  async deadLetters(): Promise<Map<string, number>> {
    const prefix = this.#names.state("dead", this.#run);
    const counts = new Map<string, number>();
    for (const key of await this.#state.keys(prefix)) {
      const entry = await this.#state.get(key);
      if (entry !== undefined) counts.set(key.slice(prefix.length + 1), Number(entry.value));
    }
    return counts;
  }

  /** Removes all that is known of the run: for a run whose id cannot be given again. */
  async forget(): Promise<void> {
    this.#finished.clear();
    for (const what of ["finished", "dead"] as const) {
      const keys = await this.#state.keys(this.#names.state(what, this.#run));
      for (const key of keys) await this.#state.delete(key);
    }
  }

  /** Resolves when all of `tasks` are finished; false if the signal came first. */
  async waitFor(tasks: readonly string[], signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || this.#knows(tasks)) return !signal.aborted;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { tasks, resolve };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", resolve as () => void, { once: true });
    void this.#look();
    await promise;
    signal.removeEventListener("abort", resolve as () => void);
    this.#waiters.delete(waiter);
    if (this.#waiters.size === 0) this.#wake();
    return !signal.aborted;
  }

  /** Looks for all that wait together, so that a thousand tasks ask no more often than one; ends when none waits. Never rejects. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const prefix = this.#names.state("finished", this.#run);
    const over = new AbortController();
    let changed = Promise.withResolvers<void>();
    this.#wake = () => changed.resolve();
    this.#state.watch(prefix, () => changed.resolve(), over.signal);
    while (this.#waiters.size > 0) {
      changed = Promise.withResolvers<void>();
      try {
        for (const key of await this.#state.keys(prefix)) {
          this.#finished.add(key.slice(prefix.length + 1));
        }
        this.#notify();
      } catch (error) {
        this.#log.debug("Cannot ask which tasks are finished", { reason: reasonOf(error) });
      }
      await waitAtMost(changed.promise, LOOK_EVERY_MS);
    }
    over.abort();
    this.#isLooking = false;
  }

  #notify(): void {
    for (const { tasks, resolve } of this.#waiters) if (this.#knows(tasks)) resolve();
  }

  #knows(tasks: readonly string[]): boolean {
    return tasks.every((task) => this.#finished.has(task));
  }

  #key(task: string): string {
    return this.#names.state("finished", this.#run, task);
  }
}
