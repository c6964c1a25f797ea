import {
  ConfigurationError,
  type Finding,
  formatFinding,
  reasonOf,
} from "../../../src/base/errors.ts";
import type { Host } from "../../../src/host.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { schemaCheck } from "../../../src/codec/schema_check.ts";
import { loadPlan } from "../../../src/pipeline/load_plan.ts";
import type { Plan } from "../../../src/pipeline/plan/plan.ts";
import { readSettings, type Settings } from "../../../src/settings/settings.ts";
import { unknownVariables } from "../../../src/settings/unknown_variables.ts";
import { isToken } from "../../../src/broker/subjects.ts";
import type { BatchOptions, FileOptions } from "./command_options.ts";

/** Reads and checks the file and the environment; prints warnings. @throws {ConfigurationError} with every mistake. */
export async function loadPipeline(
  host: Host,
  file: string,
  options: FileOptions | BatchOptions,
): Promise<{ plan: Plan; settings: Settings }> {
  const { settings, findings } = readSettings((name) => host.env(name));
  if ("run" in options) findings.push(...checkRun(options.run));
  const path = host.resolvePath(file);
  let text: string;
  try {
    text = await host.readText(path);
  } catch (error) {
    throw new ConfigurationError([{
      file,
      problem: `cannot read (${reasonOf(error)})`,
      hint: /UTF-8/.test(reasonOf(error)) ? undefined : "give the path of a pipeline file",
    }, ...findings]);
  }
  const used = new Set<string>();
  const { plan, errors, warnings } = await loadPlan({
    file,
    content: text,
    folder: host.resolvePath("..", path),
    env: (name) => {
      used.add(name);
      return host.env(name);
    },
    readText: (each) => host.readText(each),
    resolvePath: (each, from) => host.resolvePath(each, from),
    set: options.set,
    modules: options.module,
    checkSchema: schemaCheck(new AvroCodec()),
  });
  const unknown = unknownVariables(host.variableNames?.() ?? [], used);
  for (const warning of [...warnings, ...unknown]) {
    host.stderr.write(`warning: ${formatFinding(warning)}\n`);
  }
  const mistakes = [...errors, ...findings];
  if (plan === undefined || mistakes.length > 0) throw new ConfigurationError(mistakes);
  return { plan, settings };
}

function checkRun(run: string | undefined): Finding[] {
  if (run === undefined || isToken(run)) return [];
  const problem = `expected string [A-Za-z0-9_-]{1,64}, got ${JSON.stringify(run.slice(0, 80))}`;
  return [{ file: "--run", problem, hint: "choose another id" }];
}
