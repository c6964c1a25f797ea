/**
 * A long beyond 2^53 as the JSON number that it is, for `JSON.stringify`. Where the platform has no `JSON.rawJSON` to say so with, its digits as text.
 */
export function exactLong(value: bigint): unknown {
  const digits = value.toString();
  const rawJson: unknown = Reflect.get(JSON, "rawJSON");
  return typeof rawJson === "function" ? rawJson.call(JSON, digits) : digits;
}
