import type { TextOutput } from "../host.ts";
import type { ProcessFunction } from "../api/function.ts";

/** Lines that wait at once for the system to take them. It takes them together, and they keep their order, since each is written when its call begins. */
export const PRINT_CONCURRENCY = 256;

/** `print`: a JSON line per record on standard output. A record is done when the system has taken its line. */
export function printSink(stdout: TextOutput): ProcessFunction {
  return {
    process(_record, ctx) {
      stdout.write(JSON.stringify(ctx.recordAsJson()) + "\n");
      return stdout.drained();
    },
  };
}
