import type { Host } from "../../../src/host.ts";
import { OWN_RUNTIME } from "../runtimes.ts";

/** How the adapter of this runtime loads modules and starts Workers. */
export async function ownHost(): Promise<Pick<Host, "loadModule" | "startThread">> {
  // By names that are put together: each of the two adapters is checked for its own runtime.
  const adapter = `../../../adapters/${OWN_RUNTIME}`;
  const { loadModule, provideKflow } = await import(`${adapter}/load_module.ts`);
  provideKflow?.();
  const { startThread } = await import(`${adapter}/start_thread.ts`);
  return { loadModule, startThread };
}
