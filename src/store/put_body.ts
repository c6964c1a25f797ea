import { reasonOf } from "../base/errors.ts";
import { exactBody } from "./exact_body.ts";
import { type PutOptions, StoreError } from "./store.ts";
import { type StoreCall, storeError } from "./store_failure.ts";

/**
 * The body of a put, held to the size that was announced. Whatever fails in it fails as a `StoreError` of the call, so that it is
 * not taken for a failure of the store.
 */
export function putBody(
  call: StoreCall,
  body: Uint8Array | ReadableStream<Uint8Array>,
  options: PutOptions,
): Uint8Array | ReadableStream<Uint8Array> {
  const { size, signal } = options;
  const wrongSize = (got: number) => {
    const reason = `its body has ${got} bytes, not the ${size} announced`;
    return storeError(call, { kind: "unavailable", reason });
  };
  if (body instanceof Uint8Array) {
    if (size !== undefined && size !== body.length) throw wrongSize(body.length);
    return body;
  }
  const failed = (cause: unknown) => {
    const kind = cause instanceof StoreError ? cause.kind : "unavailable";
    return storeError(call, { kind, reason: `its body failed: ${reasonOf(cause)}`, cause });
  };
  return exactBody(body, { size, signal, wrongSize, failed });
}
