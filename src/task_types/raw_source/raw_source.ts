import { sourceId } from "../../broker/message_id.ts";
import type { RecordValue } from "../../codec/codec.ts";
import { reasonOf, SourceError } from "../../base/errors.ts";
import { isPending } from "../../base/time/pending.ts";
import type { OpenContext } from "../../api/context.ts";
import type { SourceContext, SourceFunction } from "../../api/source_function.ts";
import { type Cursor, NONE_YET, type RecordFeed } from "../../api/record_source.ts";
import { waitAtMost } from "../../base/time/waiting.ts";
import { AskedContext } from "./generator_context.ts";
import { Interruptible, STOPPED } from "./interruptible.ts";
import { type Clock, Pacer, REAL_CLOCK } from "../pacer.ts";
import { SourcePosition } from "./source_position.ts";
import type { TaskStore } from "../../api/task_store.ts";

/** Before a source that has none for now is asked again. */
const NONE_YET_MS = 100;
/** A source that never waits lets timers, signals and sockets have their turn this often. */
const BREATH_MS = 25;
const RECORDS_PER_LOOK = 64;
/** For the `finally` of a generator that is not asked any more. */
const END_MS = 1000;

export interface RawSourceOptions {
  readonly store: TaskStore;
  /** @default the real one */
  readonly clock?: Clock;
}

/**
 * `raw-source`: records that the user's code makes, at `meta.rate` a second and `meta.limit` at most. How many records came before it in the run, its
 * position, names a record: it makes the message id, and where the broker outlives the process it is remembered, so that a source that is started
 * again goes on there.
 */
export function rawSource(feed: RecordFeed, options: RawSourceOptions): SourceFunction {
  return new RawSource(feed, options);
}

class RawSource implements SourceFunction {
  readonly #feed: RecordFeed;
  readonly #store: TaskStore;
  readonly #clock: Clock;
  #position?: SourcePosition;
  #asked?: AskedContext;
  #pacer?: Pacer;
  /** Kept after an error if asking again is what helps. */
  #cursor?: Cursor;
  /** Records still to be skipped since the last begin; undefined until the first answer shows it. */
  #toSkip?: number = 0;
  #ended = false;

  constructor(feed: RecordFeed, { store, clock = REAL_CLOCK }: RawSourceOptions) {
    this.#feed = feed;
    this.#store = store;
    this.#clock = clock;
  }

  async open(ctx: OpenContext): Promise<void> {
    await this.#feed.open?.(ctx);
  }

  async run(ctx: SourceContext): Promise<void> {
    const position = this.#position ??= await SourcePosition.load(ctx);
    const { meta } = ctx;
    if (meta.has("rate")) this.#pacer ??= new Pacer(meta.getNumber("rate"), this.#clock);
    // Without the run in streaming mode: there a new start goes on with what the last one did.
    const idPrefix = sourceId(["raw-source", ctx.task, ...(ctx.batch ? [ctx.run] : [])]);
    this.#asked ??= new AskedContext(ctx, { store: this.#store, idPrefix });
    const saving = ctx.durable ? position.saveNowAndThen() : undefined;
    const { signal } = ctx;
    const halt = saving === undefined ? signal : AbortSignal.any([signal, saving.failed]);
    try {
      if (!this.#ended) await this.#sendAll(ctx, { position, halt, asked: this.#asked });
    } catch (error) {
      // What went before is seen through all the same.
      if (error instanceof SourceError && error.final) await position.save().catch(() => {});
      throw error;
    } finally {
      await saving?.stop();
    }
    await position.save();
  }

  async finished(): Promise<void> {
    await this.#position?.forget();
  }

  async close(): Promise<void> {
    await this.#feed.close?.();
  }

  /** Until the end, the limit or a stop. */
  async #sendAll(ctx: SourceContext, pass: Pass): Promise<void> {
    const { position, halt, asked } = pass;
    const clock = this.#clock;
    const limit = ctx.meta.getInteger("limit", Infinity);
    const { idPrefix } = asked;
    const questions = new Interruptible(halt);
    let breathedAt = clock.now();
    for (let asks = 1; position.count < limit && !halt.aborted; asks++) {
      if (asks % RECORDS_PER_LOOK === 0 && clock.now() - breathedAt > BREATH_MS) {
        await clock.sleep(0, halt);
        breathedAt = clock.now();
      }
      const waitMs = this.#toSkip === 0 ? this.#pacer?.take() ?? 0 : 0;
      if (waitMs > 0) {
        await clock.sleep(waitMs, halt);
        breathedAt = clock.now();
        continue;
      }
      const answer = await this.#next(pass, questions);
      if (answer === STOPPED) break;
      if (answer.done === true) {
        this.#ended = true;
        this.#tellEnd(ctx, pass);
        return;
      }
      if (answer.value === NONE_YET) {
        await clock.sleep(NONE_YET_MS, halt);
        continue;
      }
      if (this.#isSkipped(ctx, pass)) continue;
      if (!await emit(ctx, answer.value, { idPrefix, position: position.count })) break;
      asked.moveTo(++position.count);
    }
    this.#ended = position.count >= limit;
    await this.#endCursor(ctx, questions.isWaiting);
  }

  /** Answers without a promise if the source does. */
  #next(pass: Pass, questions: Interruptible): Answer | Promise<Answer | typeof STOPPED> {
    const { asked, position } = pass;
    const failed = (error: unknown) => {
      asked.again();
      const { afterError } = this.#cursor ?? { afterError: "begin" };
      if (afterError === "begin") this.#cursor = undefined;
      return new SourceError(
        `Cannot get the record at position ${position.count} of task "${asked.task}": ${
          reasonOf(error)
        }`,
        { final: afterError === "nothing", cause: error },
      );
    };
    try {
      let cursor: Cursor | Promise<Cursor> | undefined = this.#cursor;
      if (cursor === undefined) {
        this.#toSkip = position.count === 0 ? 0 : undefined;
        asked.begin(position.count);
        cursor = this.#feed.begin(asked);
      }
      if (!isPending(cursor)) {
        this.#cursor = cursor;
        const answer = cursor.next();
        if (!isPending(answer) && !isPending(answer.value)) return answer;
        return questions.wait(resolved(answer)).catch((error) => {
          throw failed(error);
        });
      }
      const begun = cursor;
      const first = async () => resolved((this.#cursor = await begun).next());
      return questions.wait(first()).catch((error) => {
        throw failed(error);
      });
    } catch (error) {
      throw failed(error);
    }
  }

  /** Whether the record just given was sent before: true for the first ones of a source that has begun anew without asking where. */
  #isSkipped(ctx: SourceContext, { position, asked }: Pass): boolean {
    const { count } = position;
    if (this.#toSkip === undefined) {
      this.#toSkip = asked.positionWasRead ? 0 : count;
      ctx.log.info("Source goes on where it was", { position: count, skipped: this.#toSkip });
    }
    if (this.#toSkip === 0) return false;
    this.#toSkip--;
    asked.moveTo(count - this.#toSkip);
    return true;
  }

  #tellEnd({ log }: SourceContext, { position, asked }: Pass): void {
    const { count } = position;
    const missing = this.#toSkip ?? (asked.positionWasRead ? 0 : count);
    if (missing > 0) {
      log.warning("The source has fewer records than were sent before it began anew", {
        position: count,
        missing,
      });
    }
    log.info("The source has no more records", { position: count });
  }

  async #endCursor({ log }: SourceContext, isBusy: boolean): Promise<void> {
    const cursor = this.#cursor;
    const ending = (async () => await cursor?.end())().catch((error) =>
      log.warning("The source failed when it was ended", { reason: reasonOf(error) })
    );
    // A generator that is busy with a record ends after that, if ever.
    if (!isBusy) await waitAtMost(ending, END_MS);
  }
}

type Answer = IteratorResult<unknown>;

interface Pass {
  readonly position: SourcePosition;
  readonly asked: AskedContext;
  /** Aborted when the worker stops or a record could not be stored. */
  readonly halt: AbortSignal;
}

/** As `for await` does it: an array may hold promises. */
async function resolved(answer: Answer | PromiseLike<Answer>): Promise<Answer> {
  const { done, value } = await answer;
  return done === true ? { done, value } : { done: false, value: await value };
}

async function emit(
  ctx: SourceContext,
  record: unknown,
  { idPrefix, position }: { idPrefix: string; position: number },
): Promise<boolean> {
  try {
    return await ctx.emit(record as RecordValue, { id: `${idPrefix}.${position}` });
  } catch (error) {
    throw new SourceError(
      `Cannot send the record at position ${position} of task "${ctx.task}": ${
        reasonOf(error)
      }; correct the module or the schema`,
      { final: true, cause: error },
    );
  }
}
