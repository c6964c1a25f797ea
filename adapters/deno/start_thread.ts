import { webThread } from "../shared/threads/web_thread.ts";

/** `Host.startThread` on Deno. */
export const startThread = webThread(() => {
  return new Worker(new URL("./thread_entry.ts", import.meta.url), { type: "module" });
});
