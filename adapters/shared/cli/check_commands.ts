import { toMermaid } from "../../../src/pipeline/plan/mermaid.ts";
import type { Host } from "../../../src/host.ts";
import { printableLine } from "../../../src/base/text/printable.ts";
import type { FileOptions } from "./command_options.ts";
import { loadPipeline } from "./load_pipeline.ts";

/** `validate`: prints all mistakes and exits 2, or the warnings and exits 0. Contacts nothing. */
export async function validateCommand(
  host: Host,
  file: string,
  options: FileOptions,
): Promise<number> {
  const { plan } = await loadPipeline(host, file, options);
  const edges = plan.tasks.reduce((count, task) => count + task.inputs.length, 0);
  const text = `${file} is valid: ${plan.tasks.length} tasks, ${edges} edges, ${plan.mode}`;
  host.stdout.write(printableLine(text) + "\n");
  return 0;
}

/** `graph`: the pipeline as Mermaid. */
export async function graphCommand(
  host: Host,
  file: string,
  options: FileOptions,
): Promise<number> {
  const { plan } = await loadPipeline(host, file, options);
  host.stdout.write(toMermaid(plan));
  return 0;
}
