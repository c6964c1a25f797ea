import type { Report } from "../reading/findings.ts";
import { MAX_TOKEN, type PipelineDocument, quote, TOKEN, TOKEN_TEXT } from "../reading/schema.ts";

/** `--set name=…`, else `KFLOW_FLOW_ID`, else `name`, else the file's stem. */
export function flowIdOf(
  document: PipelineDocument,
  options: { file: string; report: Report; env: (name: string) => string | undefined },
): string {
  const { file, report, env } = options;
  const isSet = report.places.of(["name"]).file === "--set";
  if (document.name !== undefined && isSet) return document.name;
  const given = env("KFLOW_FLOW_ID");
  if (given !== undefined && given !== "") {
    if (!TOKEN.test(given)) {
      report.add({
        file: "environment",
        path: "KFLOW_FLOW_ID",
        problem: `must be a string ${TOKEN_TEXT}, got ${quote(given)}`,
        hint: "choose another flow id",
      });
    }
    return given;
  }
  return document.name ?? stemOf(file);
}

function stemOf(file: string): string {
  const base = file.split(/[\\/]/).at(-1)!.replace(/\.(ya?ml|json)$/i, "");
  const stem = base.replaceAll(/[^A-Za-z0-9_-]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(
    0,
    MAX_TOKEN,
  );
  return stem === "" ? "flow" : stem;
}
