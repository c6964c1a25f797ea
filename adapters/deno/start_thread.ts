import { webThread } from "../shared/web_thread.ts";

/** `Host.startThread` on Deno. */
export const startThread = webThread(() => {
  return new Worker(new URL("./thread_entry.ts", import.meta.url), { type: "module" });
});
