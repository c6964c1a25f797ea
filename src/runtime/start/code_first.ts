import type { Shared } from "../run/run_options.ts";

/** Lets the sources of a process begin when all of its other functions are made, so that a mistake in a module is found before there is a record. */
export class CodeFirst {
  readonly #shared: Shared;
  readonly #made: Promise<void>[] = [];

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** What a worker is started with. */
  ofWorker<T>(start: (shared: Shared) => Promise<T>): Promise<T> {
    const made = Promise.withResolvers<void>();
    this.#made.push(made.promise);
    const work = start({
      ...this.#shared,
      functionOf: async (task) => {
        const found = await this.#shared.functionOf(task);
        made.resolve();
        return found;
      },
    });
    // A worker whose task is finished makes none; one that fails has stopped the sources by then.
    void work.finally(() => made.resolve());
    return work;
  }

  /** What a source is started with. */
  ofSource(): Shared {
    return {
      ...this.#shared,
      functionOf: async (task) => {
        const found = await this.#shared.functionOf(task);
        // By now every worker was started, and with it counted.
        await Promise.all(this.#made);
        return found;
      },
    };
  }
}
