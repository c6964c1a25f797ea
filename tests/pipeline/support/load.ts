import { resolve } from "node:path";
import { formatFinding } from "../../../src/base/errors.ts";
import { loadPlan, type LoadPlanInput } from "../../../src/pipeline/load_plan.ts";
import type { Plan } from "../../../src/pipeline/plan/plan.ts";

export interface LoadOptions {
  file?: string;
  set?: string[];
  modules?: string[];
  env?: Record<string, string>;
  files?: Record<string, string>;
  checkSchema?: LoadPlanInput["checkSchema"];
}

export interface Loaded {
  plan: Plan | undefined;
  errors: string[];
  warnings: string[];
}

/** Loads a pipeline as if it were `/flows/p.yaml`, with nothing in the environment but what is given. */
export async function load(
  content: string | object,
  options: LoadOptions = {},
): Promise<Loaded> {
  const { file = "p.yaml", set, modules, env = {}, files = {}, checkSchema } = options;
  const { plan, errors, warnings } = await loadPlan({
    file,
    content,
    folder: "/flows",
    env: (name) => env[name],
    resolvePath: (path, from) => resolve(from ?? "/cwd", path),
    readText: (path) => {
      const content = files[path];
      return content === undefined ? Promise.reject(new Error("ENOENT")) : Promise.resolve(content);
    },
    ...(set && { set }),
    ...(modules && { modules }),
    ...(checkSchema && { checkSchema }),
  });
  return { plan, errors: errors.map(formatFinding), warnings: warnings.map(formatFinding) };
}

/** Loads a pipeline that must be right. */
export async function loadGood(text: string, options: LoadOptions = {}): Promise<Plan> {
  const { plan, errors } = await load(text, options);
  if (!plan) throw new Error(errors.join("\n"));
  return plan;
}
