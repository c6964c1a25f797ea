import type { Receipt } from "../../broker/broker.ts";

/** The receipt of a side record that goes to several consumers, and the promise of all of them. Nobody has to await it: `inner` learns of each answer too. */
export function sideReceipt(
  inner: Receipt,
  consumers: number,
): { readonly receipt: Receipt; readonly stored: Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let open = consumers;
  if (open === 0) resolve();
  promise.catch(() => {});
  return {
    stored: promise,
    receipt: {
      stored(duplicate) {
        inner.stored(duplicate);
        if (--open === 0) resolve();
      },
      failed(error) {
        inner.failed(error);
        reject(error);
      },
    },
  };
}
