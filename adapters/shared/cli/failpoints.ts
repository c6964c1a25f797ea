import process from "node:process";
import type { Failpoints } from "../../../src/failpoints/failpoints.ts";
import type { Plan } from "../../../src/pipeline/plan/plan.ts";
import type { Settings } from "../../../src/settings/settings.ts";

/** What `KFLOW_FAILPOINT` asks for: this process gets a signal at that point. Undefined without it, and then none of that code is loaded. */
export async function failpointsOf(
  plan: Plan,
  { failpoint }: Settings,
): Promise<Failpoints | undefined> {
  if (failpoint === undefined) return undefined;
  const { Failpoints } = await import("../../../src/failpoints/failpoints.ts");
  let left = failpoint.time;
  return new Failpoints(plan.flowId, (point) => {
    if (point !== failpoint.point || --left !== 0) return;
    process.stderr.write(`failpoint ${point}\n`);
    process.kill(process.pid, failpoint.signal);
  });
}
