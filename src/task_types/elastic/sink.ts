import type { RecordValue } from "../../codec/codec.ts";
import { RejectedError, UnavailableError } from "../../base/errors.ts";
import { DEFAULT_POLL_MS } from "../../pipeline/plan/delivery_meta.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { BulkContext, Context, OpenContext } from "../../api/context.ts";
import type { ProcessFunction } from "../../api/function.ts";
import { ElasticClient } from "./client.ts";
import { ElasticFailure } from "./failure.ts";
import { type ElasticDocument, ElasticWriter } from "./writer.ts";
import { exactLong } from "./exact_long.ts";
import { fillTemplate } from "../fill_template.ts";

/** Requests at once, outside bulk mode, where `meta.concurrency` does not say and the order does not matter. */
export const ELASTIC_SINK_CONCURRENCY = 16;

/** Elasticsearch's limit. */
const MAX_ID_BYTES = 512;

export interface ElasticTiming {
  /** How long an answer may take. @default 90 s, and not over three quarters of `max.poll.interval.ms` */
  answerMs?: number;
  /** How long documents that the server is too busy for are sent again with the request they came in, before each is held by itself. @default 10 s, and not over a quarter of `max.poll.interval.ms` */
  patienceMs?: number;
  /** First wait before that. @default 200 */
  backoffMs?: number;
  /** First pause of the whole server after it refused everything. @default 1000 */
  pauseMs?: number;
}

/**
 * `elastic-sink`: one document per record, by `_bulk`. Each has an id that is the same whenever the record comes again, so that writing it twice is writing it once:
 *
 * - By default that is the message id, and the operation is `create`. No other record has the id, so that a document which is there already (409) is this one. Data streams take nothing
 *   but `create`.
 * - With `meta.document.id`, a template of the record's fields, the operation is `index`: who names an id means the newest record with it.
 *
 * `meta.document.op` says otherwise.
 */
export function elasticSink(task: TaskPlan, timing: ElasticTiming = {}): ProcessFunction {
  return new ElasticSink(task, timing);
}

class ElasticSink implements ProcessFunction {
  readonly #client: ElasticClient;
  readonly #writer: ElasticWriter;
  readonly #template: string | undefined;
  readonly #operation: string;
  readonly #encoder = new TextEncoder();

  constructor(task: TaskPlan, timing: ElasticTiming) {
    const { id, addr, topics, user, password, meta, ackWaitMs = DEFAULT_POLL_MS } = task;
    if (addr === undefined || topics === undefined) {
      throw new TypeError(`Task "${id}" has no addr or no topics`);
    }
    const {
      answerMs = Math.min(90_000, ackWaitMs * 3 / 4),
      patienceMs = Math.min(10_000, ackWaitMs / 4),
      backoffMs = 200,
      pauseMs = 1000,
    } = timing;
    this.#template = meta.has("document.id") ? meta.getString("document.id") : undefined;
    this.#operation = meta.getString(
      "document.op",
      this.#template === undefined ? "create" : "index",
    );
    this.#client = new ElasticClient({ address: addr, index: topics, user, password, answerMs });
    this.#writer = new ElasticWriter({
      client: this.#client,
      index: topics,
      replaces: this.#operation === "index",
      patienceMs,
      backoff: { first: backoffMs, longest: 5000 },
      pause: { first: pauseMs, longest: 30_000 },
    });
  }

  async open({ signal, log }: OpenContext): Promise<void> {
    try {
      const said = await this.#client.check(signal);
      if (said !== undefined) {
        log.info("The server does not say whether it can be written to", { answer: said });
      }
    } catch (error) {
      if (!(error instanceof ElasticFailure) || !error.transient) throw error;
      const { address } = this.#client;
      throw new UnavailableError(error.message, {
        who: address,
        check: async (signal) => void await this.#client.check(signal),
        cause: error,
      });
    }
  }

  async process(record: RecordValue, ctx: Context): Promise<void> {
    const failures = await this.#writer.write([this.#documentOf(record, ctx)], ctx.signal);
    for (const error of failures.values()) throw error;
  }

  async flush(records: readonly RecordValue[], ctx: BulkContext): Promise<void> {
    const indexes = new Map<ElasticDocument, number>();
    for (const [index, record] of records.entries()) {
      try {
        indexes.set(this.#documentOf(record, ctx.of(index)), index);
      } catch (error) {
        ctx.fail(index, error);
      }
    }
    const failures = await this.#writer.write([...indexes.keys()], ctx.signal);
    for (const [document, error] of failures) ctx.fail(indexes.get(document)!, error);
  }

  /** @throws {RejectedError} if the record gives no id. */
  #documentOf(record: RecordValue, ctx: Context): ElasticDocument {
    const id = this.#idOf(record, ctx);
    const bytes = this.#encoder.encode(id).length;
    if (bytes === 0 || bytes > MAX_ID_BYTES) {
      throw new RejectedError(
        `Cannot use ${
          JSON.stringify(id.slice(0, 80))
        } as a document's id: it has ${bytes} bytes; ` +
          `give a document.id of 1 to ${MAX_ID_BYTES}`,
      );
    }
    const action = JSON.stringify({ [this.#operation]: { _id: id } });
    const source = JSON.stringify(ctx.recordAsJson({ plain: true, bigLong: exactLong }));
    const { traceparent } = ctx;
    return { id, lines: this.#encoder.encode(`${action}\n${source}\n`), traceparent };
  }

  #idOf(record: RecordValue, ctx: Context): string {
    return this.#template === undefined ? ctx.delivery.id : fillTemplate(this.#template, record);
  }
}
