/** Bytes that may have been sent before their copies are collected. */
const MOST_COPIED = 8 << 20;
/** V8 collects once so much memory outside its heap was taken. */
const COLLECTED_AT = 64 << 20;

/**
 * A `fetch` that does not leave much behind. Deno's copies each body that it sends, and V8 has copies of 64 MiB come together before it collects them, which is more than
 * everything else that an upload takes. An array of that size makes it collect sooner: nothing is written into it, so that the system gives no memory for it.
 */
export function createLeanFetch(): (url: string, init?: RequestInit) => Promise<Response> {
  let copied = 0;
  return async (url, init) => {
    try {
      return await fetch(url, init);
    } finally {
      if (init?.body instanceof Uint8Array) copied += init.body.length;
      if (copied >= MOST_COPIED) {
        copied = 0;
        askToCollect();
      }
    }
  };
}

function askToCollect(): void {
  try {
    new ArrayBuffer(COLLECTED_AT);
  } catch {
    // Where there is no room for so much the copies are collected for that reason.
  }
}
