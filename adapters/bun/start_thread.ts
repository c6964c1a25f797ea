import { webThread } from "../shared/threads/web_thread.ts";

/** `Host.startThread` on Bun. */
export const startThread = webThread(() => new Worker(entry(), { type: "module" }));

/**
 * A binary made by `bun build --compile` holds the entry only if it is named as a second entry point beside `mod.ts`, both from the root of the
 * repository: `bun build --compile mod.ts adapters/bun/thread_entry.ts`. There it is found by its path from the root, and not from this file.
 */
function entry(): URL | string {
  const isBinary = import.meta.url.includes("/$bunfs/");
  return isBinary
    ? "./adapters/bun/thread_entry.ts"
    : new URL("./thread_entry.ts", import.meta.url);
}
