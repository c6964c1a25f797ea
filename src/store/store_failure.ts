import { StoreError, type StoreErrorKind } from "./store.ts";

/** A key has no more bytes. */
const MAX_NAME = 1024;
const MAX_REASON = 1000;

/** What was being done, and where. */
export interface StoreCall {
  readonly address: string;
  readonly action: "check" | "list" | "get" | "put" | "delete";
  readonly bucket: string;
  readonly key?: string;
  readonly traceparent?: string;
}

/**
 * A `StoreError` in the one form of all stores: what was tried on what, where, and why it failed. One line of bounded length, whatever records name and servers
 * say.
 */
export function storeError(
  call: StoreCall,
  failure: { kind: StoreErrorKind; reason: string; cause?: unknown },
): StoreError {
  const { address, action, bucket, key } = call;
  const object = key === undefined ? "" : `object ${quoted(key)} of `;
  const place = `${object}bucket ${quoted(bucket)} at ${address}`;
  const reason = failure.reason.slice(0, MAX_REASON).replaceAll(/\s+/g, " ");
  return new StoreError(`Cannot ${action} ${place}: ${reason}`, {
    kind: failure.kind,
    bucket,
    key,
    cause: failure.cause,
  });
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, MAX_NAME)) + (name.length > MAX_NAME ? "…" : "");
}

/** Reasons that several stores give in the same words. */
export const REASONS = {
  missingBucket: "the bucket does not exist; create it or correct its name",
  missingKey: "the object does not exist",
  changed: "the object has changed since it was listed",
} as const;
