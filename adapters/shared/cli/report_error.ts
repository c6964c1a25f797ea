import {
  ConfigurationError,
  reasonOf,
  SourceError,
  stackOf,
  StartError,
} from "../../../src/base/errors.ts";
import type { Host } from "../../../src/host.ts";
import { notPermitted } from "../node/not_permitted.ts";
import { printableLine } from "../../../src/base/text/printable.ts";
import { StoreError } from "../../../src/store/store.ts";

/** Prints why a command ended, in one line where that says enough, and gives its exit status. */
export function reportError(host: Host, error: unknown): number {
  if (error instanceof ConfigurationError) {
    host.stderr.write(error.message + "\n");
    return 2;
  }
  const denied = notPermitted(error);
  if (denied !== undefined) {
    host.stderr.write(`${denied}\n`);
    return 2;
  }
  if (
    error instanceof StartError || error instanceof StoreError || error instanceof SourceError
  ) {
    host.stderr.write(`${printableLine(error.message)}\n`);
    return 1;
  }
  const name = error instanceof Error ? `${error.name}: ` : "";
  const frames = stackOf(error).split("\n").filter((line) => /^\s+at /.test(line));
  const lines = [`kflow failed: ${name}${printableLine(reasonOf(error))}`, ...frames];
  host.stderr.write(lines.map((line) => `${line}\n`).join(""));
  return 1;
}
