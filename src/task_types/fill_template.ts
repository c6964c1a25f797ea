import type { RecordValue } from "../codec/codec.ts";
import { fieldValue } from "../codec/field_value.ts";
import { RejectedError } from "../base/errors.ts";

/** Puts fields of the record into a template. Throws `RejectedError` for a field that is missing or is neither text, number nor boolean: the record will have no other next time. */
export function fillTemplate(template: string, record: RecordValue): string {
  return template.replaceAll(/\{([^{}]*)\}/g, (_all, field: string) => {
    const value = fieldValue(record, field);
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
      return String(value);
    }
    throw new RejectedError(
      `Cannot fill the template "${template}": field "${field}" is ${
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
