import { reasonOf, SourceError } from "../../base/errors.ts";
import type { SourceContext } from "../../api/source_function.ts";

const SAVE_EVERY_MS = 1000;
/** Name of the entry in streaming mode; in a batch it is the run. */
const STREAMING = "streaming";

/**
 * How many records a source has sent in its run. On a broker that outlives the process the count is kept in the source's memory, never ahead of what the
 * broker has confirmed.
 */
export class SourcePosition {
  readonly #ctx: SourceContext;
  readonly #name: string;
  #saved: number;
  #failure?: SourceError;
  count: number;

  private constructor(ctx: SourceContext, name: string, saved: number) {
    this.#ctx = ctx;
    this.#name = name;
    this.#saved = saved;
    this.count = saved;
  }

  static async load(ctx: SourceContext): Promise<SourcePosition> {
    const name = ctx.batch ? ctx.run : STREAMING;
    if (!ctx.durable) return new SourcePosition(ctx, name, 0);
    const text = await ctx.memory.get(name) ?? "0";
    if (/^\d{1,15}$/.test(text)) return new SourcePosition(ctx, name, Number(text));
    throw new SourceError(
      `Cannot go on with task "${ctx.task}": its position is kept as "${text}", which is no number; ` +
        `delete the key "checkpoint.${ctx.flow}.${ctx.task}.${name}" to start anew`,
      { final: true },
    );
  }

  /** Waits until all that was sent is confirmed, then remembers how much that is. */
  async save(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { count } = this;
    const { task, durable, memory } = this.#ctx;
    try {
      await this.#ctx.flush();
    } catch (error) {
      this.#failure = new SourceError(
        `Cannot store the records of task "${task}": ${reasonOf(error)}`,
        { final: true, cause: error },
      );
      throw this.#failure;
    }
    if (!durable || count === this.#saved) return;
    await memory.put(this.#name, String(count));
    this.#saved = count;
  }

  /**
   * Saves every second, also while the source waits for its next record. What the memory does not take now it takes the next time; `failed` is aborted when
   * the broker refuses a record for good.
   */
  saveNowAndThen(): { readonly failed: AbortSignal; stop(): Promise<void> } {
    const failed = new AbortController();
    let running: Promise<void> | undefined;
    const saveOnce = async () => {
      try {
        await this.save();
      } catch (error) {
        if (error instanceof SourceError) failed.abort(error);
        this.#ctx.log.debug("Cannot save the position", { reason: reasonOf(error) });
      }
    };
    const timer = setInterval(() => {
      if (this.count !== this.#saved) {
        running ??= saveOnce().finally(() => running = undefined);
      }
    }, SAVE_EVERY_MS);
    return {
      failed: failed.signal,
      async stop() {
        clearInterval(timer);
        await running;
      },
    };
  }

  /** For a run that is finished: it will not be asked for again. */
  async forget(): Promise<void> {
    const { durable, batch, memory, log } = this.#ctx;
    if (!durable || !batch) return;
    try {
      await memory.delete(this.#name);
    } catch (error) {
      // The run is finished all the same, and the entry is small.
      log.debug("Cannot forget the position", { reason: reasonOf(error) });
    }
  }
}
