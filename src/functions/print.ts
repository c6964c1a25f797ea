import type { TextOutput } from "../host.ts";
import type { ProcessFunction } from "../runtime/function.ts";

/** `print`: a JSON line per record on standard output. */
export function printSink(stdout: TextOutput): ProcessFunction {
  return {
    process(_record, ctx) {
      stdout.write(JSON.stringify(ctx.recordAsJson()) + "\n");
    },
  };
}
