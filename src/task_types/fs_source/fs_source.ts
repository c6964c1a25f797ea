import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { OpenContext } from "../../api/context.ts";
import type { SourceContext, SourceFunction } from "../../api/source_function.ts";
import { type ObjectInfo, type Store, StoreError } from "../../store/store.ts";
import { ListedObjects } from "./listed_objects.ts";
import { NOTIFIED, objectMessageId, objectRecord, objectVersion } from "./object_record.ts";
import { aborted, waitAtMost } from "../../base/time/waiting.ts";

const POLL_INTERVAL_MS = 10_000;
/** A listing that takes long says how far it is this often. */
const SAY_EVERY_MS = 30_000;
/** What was worked off in memory is written to the checkpoint this often. */
const COMMIT_EVERY_MS = 1000;

/**
 * `fs-source`: one record per object of a bucket (product document, "Automatic download"; record `s3list`). With `meta.checkpoint` it remembers across
 * runs which versions of which objects it has listed; without, a run lists everything. In streaming mode it looks again every
 * `meta.poll.interval.ms`.
 */
export function fsSource(
  task: TaskPlan,
  store: Store,
  now: () => number = () => performance.now(),
): SourceFunction {
  return new FsSource(task, store, now);
}

class FsSource implements SourceFunction {
  readonly #task: TaskPlan;
  readonly #store: Store;
  /** Milliseconds of a clock that never goes back. */
  readonly #now: () => number;
  #listed?: ListedObjects;
  /** Whether listings are remembered in the flow's state, and not only in this process. */
  #remembers = false;
  /** Emitted by this process, done or not. */
  readonly #begun = new Set<string>();
  /** What was last logged of objects that no key can name. */
  #unnamed = "";
  #committing?: ReturnType<typeof setInterval>;

  constructor(task: TaskPlan, store: Store, now: () => number) {
    this.#task = task;
    this.#store = store;
    this.#now = now;
  }

  open({ signal }: OpenContext): Promise<void> {
    return this.#store.check(this.#task.bucket!.bucket, signal);
  }

  async run(ctx: SourceContext): Promise<void> {
    const { meta, signal } = ctx;
    const checkpoint = meta.getBoolean("checkpoint", false);
    const pollMs = meta.getInteger("poll.interval.ms", POLL_INTERVAL_MS);
    this.#remembers = checkpoint || (ctx.batch && ctx.durable);
    const listed = await this.#remembered(ctx, checkpoint);
    if (!ctx.durable && checkpoint) {
      // Until close(): records are worked off long after the last was emitted. What fails here is written with the next commit.
      this.#committing ??= setInterval(() => void listed.commit().catch(() => {}), COMMIT_EVERY_MS);
    }
    for (;;) {
      await this.#pass(ctx, { listed, checkpoint });
      if (ctx.batch || signal.aborted) break;
      await waitAtMost(aborted(signal), pollMs);
      if (signal.aborted) break;
    }
    if (ctx.batch && !signal.aborted && !checkpoint && this.#remembers) await listed.clear();
  }

  async close(): Promise<void> {
    clearInterval(this.#committing);
    if (this.#remembers) await this.#listed?.commit();
  }

  /**
   * What was listed before. A source in memory that is tried again goes on with what it knows: the records it has emitted are on their
   * way, and emitted once more they would count as done at once, being duplicates.
   */
  async #remembered(ctx: SourceContext, checkpoint: boolean): Promise<ListedObjects> {
    if (!ctx.durable && this.#listed !== undefined) return this.#listed;
    this.#begun.clear();
    // A batch without a checkpoint remembers for its run only: a worker started again goes on where it was.
    const listed = new ListedObjects(ctx.memory, checkpoint ? "listed" : `run-${ctx.run}`);
    if (this.#remembers) await listed.load();
    this.#listed = listed;
    return listed;
  }

  /** Lists the bucket once and emits what is new. */
  async #pass(ctx: SourceContext, pass: Pass): Promise<void> {
    const { listed, checkpoint } = pass;
    const begun = this.#begun;
    const { signal, durable } = ctx;
    const all = new Set<string>();
    if (durable && checkpoint) await takeNotified(ctx, listed);
    let saidAt = this.#now();
    for await (const page of this.#pages(ctx)) {
      const emitted: string[] = [];
      for (const object of page) {
        const id = objectVersion(object);
        all.add(id);
        if (listed.has(id) || begun.has(id)) continue;
        if (signal.aborted) break;
        const messageId = objectMessageId(id, { checkpoint, run: ctx.run });
        await ctx.emit(objectRecord(object, ctx.schema), {
          id: messageId,
          settled: (ok) => ok ? listed.add(id) : undefined,
        });
        begun.add(id);
        if (signal.aborted) break;
        emitted.push(id);
      }
      if (durable && emitted.length > 0) {
        await ctx.flush();
        for (const id of emitted) listed.add(id);
        if (this.#remembers) await listed.commit();
      }
      if (signal.aborted) return;
      if (this.#now() - saidAt > SAY_EVERY_MS) {
        saidAt = this.#now();
        const { bucket, prefix } = this.#task.bucket!;
        ctx.log.info("Still listing", { bucket, prefix, listed: all.size, sent: begun.size });
      }
    }
    if (this.#remembers) await listed.retain(all);
  }

  /** Lists the bucket. Objects that no key can name end a batch, after all others; a stream goes on without them. */
  async *#pages({ batch, log, signal }: SourceContext): AsyncIterable<ObjectInfo[]> {
    const { bucket, prefix } = this.#task.bucket!;
    try {
      yield* this.#store.list(bucket, prefix, signal);
      this.#unnamed = "";
    } catch (error) {
      if (batch || !(error instanceof StoreError) || error.kind !== "bad-name") throw error;
      if (this.#unnamed !== error.message) {
        log.warning("Objects are left out", { reason: error.message });
      }
      this.#unnamed = error.message;
    }
  }
}

interface Pass {
  /** Done: not to be listed again. */
  readonly listed: ListedObjects;
  readonly checkpoint: boolean;
}

/** What came by notifications meanwhile is as good as listed. Remembered before the notes of it go. */
async function takeNotified({ memory }: SourceContext, listed: ListedObjects): Promise<void> {
  const notes = (await memory.names()).filter((name) => name.startsWith(NOTIFIED));
  if (notes.length === 0) return;
  for (const note of notes) listed.add(note.slice(NOTIFIED.length));
  await listed.commit();
  for (const note of notes) await memory.delete(note);
}
