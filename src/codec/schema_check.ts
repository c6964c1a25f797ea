import { reasonOf } from "../base/errors.ts";
import type { Codec } from "./codec.ts";

/** What looks at a schema and tells why the codec cannot use it; undefined if it can. */
export function schemaCheck(codec: Codec): (schema: unknown) => string | undefined {
  return (schema) => {
    try {
      codec.parse(schema);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  };
}
