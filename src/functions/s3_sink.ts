import type { RecordValue } from "../codec/codec.ts";
import type { TaskPlan } from "../pipeline/plan.ts";
import type { ProcessFunction } from "../runtime/function.ts";
import type { Store } from "../store/store.ts";

/** Objects written at once where `meta.concurrency` does not say. */
export const S3_SINK_CONCURRENCY = 16;

/**
 * `s3-sink`: one JSON object per record. The object's key comes from `meta.key`, a template such as `{bucket}/{key}.json`, or from the message id:
 * either way the same record gives the same key, so that writing it twice is writing it once.
 */
export function s3Sink(task: TaskPlan, store: Store): ProcessFunction {
  const place = task.bucket;
  if (place === undefined) throw new TypeError(`Task "${task.id}" has no "topics: s3a://bucket"`);
  const template = task.meta.has("key") ? task.meta.getString("key") : undefined;
  const prefix = place.prefix === "" || place.prefix.endsWith("/")
    ? place.prefix
    : `${place.prefix}/`;
  return {
    open: ({ signal }) => store.check(place.bucket, signal),
    async process(record, ctx) {
      const name = template === undefined
        ? `${ctx.delivery.id}.json`
        : fillTemplate(template, record);
      const body = new TextEncoder().encode(JSON.stringify(ctx.recordAsJson()) + "\n");
      await store.put(place.bucket, prefix + name, body, {
        contentType: "application/json",
        signal: ctx.signal,
      });
    },
  };
}

/** Puts fields of the record into a template. Throws `TypeError` for a field that is missing or is neither text, number nor boolean. */
export function fillTemplate(template: string, record: RecordValue): string {
  return template.replaceAll(/\{([^{}]*)\}/g, (_all, field: string) => {
    const value = record[field];
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
      return String(value);
    }
    throw new TypeError(
      `Cannot fill the key template "${template}": field "${field}" is ${
        value === undefined
          ? "missing"
          : value === null
          ? "null"
          : typeof value === "object"
          ? "an object"
          : `a ${typeof value}`
      }`,
    );
  });
}
