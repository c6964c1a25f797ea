import { ConfigurationError, reasonOf, SourceError, StartError } from "../../src/errors.ts";
import type { Host } from "../../src/host.ts";
import { StoreError } from "../../src/store/store.ts";

/** Prints why a command ended, in one line where that says enough, and gives its exit status. */
export function reportError(host: Host, error: unknown): number {
  if (error instanceof ConfigurationError) {
    host.stderr.write(error.message + "\n");
    return 2;
  }
  if (
    error instanceof StartError || error instanceof StoreError || error instanceof SourceError
  ) {
    host.stderr.write(`${error.message}\n`);
    return 1;
  }
  host.stderr.write(
    `kflow failed: ${error instanceof Error ? error.stack ?? reasonOf(error) : reasonOf(error)}\n`,
  );
  return 1;
}
