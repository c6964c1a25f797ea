/**
 * Compiles code with the given values under the given names. The only words in it that come from a schema are names of fields, which
 * `parse_schema.ts` has checked to be identifiers; all else goes in as a value.
 */
export function compile(
  names: readonly string[],
  body: string,
  values: readonly unknown[],
): unknown {
  return new Function(...names, `"use strict"; ${body}`)(...values);
}
