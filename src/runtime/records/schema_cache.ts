import type { RecordSchema } from "../../codec/codec.ts";
import { RecentCache } from "../../base/data/recent_cache.ts";

/** Characters of schemas that are kept ready: what is made of one takes some hundred times its text. */
const MOST_TEXT = 1 << 20;
/** What an error weighs, in characters. */
const ERROR_TEXT = 1024;

/** A cache of schemas by what messages and requests name them, which is bounded by their size: anyone can name as many as they like. */
export function schemaCache<S extends Pick<RecordSchema, "text"> | Error>(
  dropped?: (schema: S) => void,
): RecentCache<string, S> {
  return new RecentCache<string, S>({
    limit: MOST_TEXT,
    weightOf: (schema) => "text" in schema ? schema.text.length : ERROR_TEXT,
    ...(dropped !== undefined && { dropped }),
  });
}
