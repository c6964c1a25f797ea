import type { Comparison } from "./comparison.ts";
import { costs } from "./comparisons/costs.ts";
import { embedded } from "./comparisons/embedded.ts";
import { fanOut } from "./comparisons/fan_out.ts";
import { memory } from "./comparisons/memory.ts";
import { one } from "./comparisons/one.ts";
import { python } from "./comparisons/python.ts";
import { size } from "./comparisons/size.ts";
import { twoWorkers } from "./comparisons/two_workers.ts";
import { waiting } from "./comparisons/waiting.ts";

/** All that there are, in the order in which they run. */
export const COMPARISONS: readonly Comparison[] = [
  one,
  fanOut,
  twoWorkers,
  python,
  costs,
  size,
  waiting,
  memory,
  embedded,
];
