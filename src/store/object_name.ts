import { type StoreCall, storeError } from "./store_failure.ts";

/** S3 takes no longer keys. */
const MAX_KEY_BYTES = 1024;
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/;

/** @throws {StoreError} `bad-name` unless bucket and key (if the call has one) can be addressed safely. */
export function checkNames(call: StoreCall): void {
  const { bucket, key } = call;
  if (!BUCKET.test(bucket)) {
    const reason =
      "a bucket name has 2 to 63 letters, digits, dots, dashes or underscores and begins with a letter or digit";
    throw storeError(call, { kind: "bad-name", reason });
  }
  if (key === undefined) return;
  const problem = key === "" ? "the key is empty" : problemOf(key, "key", key.split("/"));
  if (problem) throw storeError(call, { kind: "bad-name", reason: problem });
}

/** @throws {StoreError} `bad-name` if no key that `checkNames` allows can begin with the prefix. */
export function checkPrefix(call: StoreCall, prefix: string): void {
  const problem = problemOf(prefix, "prefix", prefix.split("/").slice(0, -1));
  if (!problem) return;
  throw storeError(call, {
    kind: "bad-name",
    reason: `${problem} (prefix ${JSON.stringify(prefix)})`,
  });
}

function problemOf(text: string, what: string, segments: readonly string[]): string | undefined {
  if (text.includes("\0")) return `the ${what} has a NUL character`;
  if (!text.isWellFormed()) return `the ${what} has half of a surrogate pair`;
  if (text.startsWith("/")) return `the ${what} begins with "/"`;
  if (segments.some((segment) => segment === "." || segment === "..")) {
    return `the ${what} has a segment "." or ".."`;
  }
  const size = new TextEncoder().encode(text).length;
  if (size > MAX_KEY_BYTES) {
    return `the ${what} has ${size} bytes; at most ${MAX_KEY_BYTES} are allowed`;
  }
  return undefined;
}
