import type { ProcessFunction } from "../api/function.ts";
import type { TaskFunction } from "../api/task_function.ts";
import type { Hit } from "../settings/failpoint_setting.ts";

/** The same function, with failpoints around its calls. Sources have none. */
export function failingFunction(made: TaskFunction, hit: Hit): TaskFunction {
  return made.kind === "process" ? { ...made, process: failingProcess(made.process, hit) } : made;
}

function failingProcess(inner: ProcessFunction, hit: Hit): ProcessFunction {
  return {
    open: (ctx) => inner.open?.(ctx),
    async process(record, ctx) {
      hit("before_call");
      const returned = await inner.process(record, ctx);
      hit("after_call");
      return returned;
    },
    // Bulk mode is off for a function without it.
    ...(inner.flush !== undefined && {
      async flush(records, ctx) {
        hit("before_flush");
        await inner.flush!(records, ctx);
        hit("after_flush");
      },
    }),
    close: (ctx) => inner.close?.(ctx),
  };
}
