import { StoreError, type StoreErrorKind } from "./store.ts";

/** What was being done, and where. */
export interface StoreCall {
  readonly address: string;
  readonly action: "check" | "list" | "get" | "put" | "delete";
  readonly bucket: string;
  readonly key?: string;
  readonly traceparent?: string;
}

/** A `StoreError` in the one form of all stores: what was tried on what, where, and why it failed. */
export function storeError(
  call: StoreCall,
  failure: { kind: StoreErrorKind; reason: string; cause?: unknown },
): StoreError {
  const { address, action, bucket, key } = call;
  const object = key === undefined ? "" : `object ${JSON.stringify(key)} of `;
  const place = `${object}bucket ${JSON.stringify(bucket)} at ${address}`;
  return new StoreError(`Cannot ${action} ${place}: ${failure.reason}`, {
    kind: failure.kind,
    bucket,
    key,
    cause: failure.cause,
  });
}

/** Reasons that several stores give in the same words. */
export const REASONS = {
  missingBucket: "the bucket does not exist; create it or correct its name",
  missingKey: "the object does not exist",
  changed: "the object has changed since it was listed",
} as const;
