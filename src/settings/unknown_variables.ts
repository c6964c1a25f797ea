import type { Finding } from "../base/errors.ts";
import { nearest } from "../base/text/nearest.ts";
import { FILE_VARIABLES, VARIABLES } from "./settings.ts";

/** Letters that a slip gets wrong. Variables of others may also begin with `KFLOW_`: Kubernetes makes some for a service of that name. */
const MAX_EDITS = 2;

/**
 * Finds variables that look like a misspelt one of kflow's: such a setting would be without effect and without a word.
 * @param names Of all variables there are.
 * @param used Those that the pipeline file names.
 */
export function unknownVariables(
  names: Iterable<string>,
  used: ReadonlySet<string>,
): Finding[] {
  const known = [...Object.keys(VARIABLES), ...FILE_VARIABLES.map((name) => `${name}_FILE`)];
  const findings: Finding[] = [];
  for (const name of names) {
    if (!/^KFLOW_/i.test(name) || known.includes(name) || used.has(name)) continue;
    const meant = nearest(name, known, MAX_EDITS);
    if (meant === undefined) continue;
    findings.push({
      file: "environment",
      path: name,
      problem: "there is no such variable",
      hint: `did you mean ${meant}?`,
    });
  }
  return findings;
}
