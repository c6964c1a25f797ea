import type { RecordValue } from "../codec/codec.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import type { BulkContext, Context } from "../api/context.ts";
import type { ProcessFunction } from "../api/function.ts";
import { type Store, StoreError } from "../store/store.ts";
import { fillTemplate } from "./fill_template.ts";
import { OBJECT_FORMATS, type ObjectFormat, type ObjectFormatName } from "./object_format.ts";

/** Objects written at once where `meta.concurrency` does not say. */
export const S3_SINK_CONCURRENCY = 16;

/**
 * `s3-sink`: one object per record, or in bulk mode, with a format that takes many, one per bulk. A key comes from `meta.key`, a template such as
 * `{bucket}/{key}.json`, or from the message id: either way the same record gives the same key, so that writing it twice is writing it once.
 */
export function s3Sink(task: TaskPlan, store: Store): ProcessFunction {
  return new S3Sink(task, store);
}

/** What is written at once. */
interface Part {
  readonly records: Context[];
  /** Their places in the bulk. */
  readonly indexes: number[];
}

class S3Sink implements ProcessFunction {
  readonly #store: Store;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #template: string | undefined;
  readonly #format: ObjectFormat;
  readonly #concurrency: number;

  constructor(task: TaskPlan, store: Store) {
    const { id, bucket: place, meta } = task;
    if (place === undefined) throw new TypeError(`Task "${id}" has no "topics: s3a://bucket"`);
    const { bucket, prefix } = place;
    this.#store = store;
    this.#bucket = bucket;
    this.#prefix = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
    this.#template = meta.has("key") ? meta.getString("key") : undefined;
    const format = task.format ?? meta.getString("format", "json");
    this.#format = OBJECT_FORMATS[format as ObjectFormatName];
    this.#concurrency = meta.getInteger("concurrency", S3_SINK_CONCURRENCY);
  }

  open({ signal }: { signal: AbortSignal }): Promise<void> {
    return this.#store.check(this.#bucket, signal);
  }

  async process(record: RecordValue, ctx: Context): Promise<void> {
    await this.#put(this.#nameOf(record, ctx), [ctx], ctx.signal);
  }

  async flush(records: readonly RecordValue[], ctx: BulkContext): Promise<void> {
    const parts = [...this.#partsOf(records, ctx)];
    let next = 0;
    const write = async () => {
      while (next < parts.length) await this.#writePart(parts[next++]!, ctx);
    };
    // All have come to their end before an error is passed on: the bulk may be written again.
    const ends = await Promise.allSettled(Array.from({ length: this.#concurrency }, write));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** By object. */
  *#partsOf(records: readonly RecordValue[], ctx: BulkContext): Iterable<[string, Part]> {
    const parts = new Map<string, { name: string; part: Part }>();
    for (const [index, record] of records.entries()) {
      const context = ctx.of(index);
      let name: string;
      try {
        name = this.#format.many ? this.#sharedName(record) : this.#nameOf(record, context);
      } catch (error) {
        ctx.fail(index, error);
        continue;
      }
      const key = this.#format.many ? `${name}\n${this.#format.kindOf(context)}` : String(index);
      const found = parts.get(key);
      if (found === undefined) {
        parts.set(key, { name, part: { records: [context], indexes: [index] } });
      } else {
        found.part.records.push(context);
        found.part.indexes.push(index);
      }
    }
    for (const { name, part } of parts.values()) yield [name, part];
  }

  async #writePart(
    [shared, { records, indexes }]: [string, Part],
    ctx: BulkContext,
  ): Promise<void> {
    try {
      const name = this.#format.many ? await this.#bulkName(shared, records) : shared;
      await this.#put(name, records, ctx.signal);
    } catch (error) {
      // A store that is away is waited for with the whole bulk in hand.
      if (error instanceof StoreError && error.isOfStore) throw error;
      for (const index of indexes) ctx.fail(index, error);
    }
  }

  async #put(name: string, records: readonly Context[], signal: AbortSignal): Promise<void> {
    const body = await this.#format.encode(records, name);
    const { contentType } = this.#format;
    // An object of many records belongs to no trace alone.
    const traceparent = records.length === 1 ? records[0]!.traceparent : undefined;
    const options = { contentType, signal, traceparent };
    await this.#store.put(this.#bucket, this.#prefix + name, body, options);
  }

  /** Of an object with one record. */
  #nameOf(record: RecordValue, ctx: Context): string {
    return this.#template === undefined
      ? ctx.delivery.id + this.#format.extension
      : fillTemplate(this.#template, record);
  }

  /** What records of the same object have in common. */
  #sharedName(record: RecordValue): string {
    return this.#template === undefined ? "" : fillTemplate(this.#template, record);
  }

  /** Of an object with many records: made of which records they are, so that no other bulk can have it. */
  async #bulkName(shared: string, records: readonly Context[]): Promise<string> {
    const ids = records.map(({ delivery }) => delivery.id);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(ids.join("\n")));
    const hash = [...new Uint8Array(digest, 0, 8)]
      .map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (shared === "") return `${ids[0]}-${hash}${this.#format.extension}`;
    const dot = shared.lastIndexOf(".");
    return dot > shared.lastIndexOf("/") + 1
      ? `${shared.slice(0, dot)}-${hash}${shared.slice(dot)}`
      : `${shared}-${hash}`;
  }
}
