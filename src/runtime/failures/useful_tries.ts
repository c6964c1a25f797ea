import { DecodeError, RecordError } from "../../codec/codec.ts";
import { RejectedError } from "../../base/errors.ts";
import { StoreError, type StoreErrorKind } from "../../store/store.ts";

/** A store that says one of these of an object says it again, unless the object is written meanwhile. */
const HOPELESS: ReadonlySet<StoreErrorKind> = new Set([
  "missing-key",
  "bad-name",
  "precondition",
  "refused",
]);

/** After how many tries there is no point in another one. A function may return something else, and a missing object may come late, so these get a second. */
export function usefulTries(error: unknown): number {
  if (error instanceof DecodeError || error instanceof RejectedError) return 1;
  const isHopeless = error instanceof RecordError ||
    error instanceof StoreError && HOPELESS.has(error.kind);
  return isHopeless ? 2 : Infinity;
}
