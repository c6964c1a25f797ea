import { ConfigurationError, type Finding, reasonOf } from "../../src/errors.ts";
import type { Host } from "../../src/host.ts";
import { FILE_VARIABLES } from "../../src/settings.ts";

/**
 * The same host, with the content of files for variables that name one: `KFLOW_STORE_PASSWORD_FILE=/run/secrets/store` stands for
 * `KFLOW_STORE_PASSWORD`. A line break at the end does not count.
 * @throws {ConfigurationError} for each file that cannot be read, and for each variable that is given in both ways.
 */
export async function withFileVariables<H extends Host>(host: H): Promise<H> {
  const findings: Finding[] = [];
  const read = new Map<string, string>();
  for (const name of FILE_VARIABLES) {
    const variable = `${name}_FILE`;
    const path = host.env(variable);
    if (path === undefined || path === "") continue;
    const mistake = (problem: string, hint: string) =>
      findings.push({ file: "environment", path: variable, problem, hint });
    if (host.env(name)) mistake(`${name} is set too`, "unset one of the two");
    try {
      read.set(name, (await host.readText(host.resolvePath(path))).replace(/\r?\n$/, ""));
    } catch (error) {
      mistake(
        `cannot read ${JSON.stringify(path)} (${reasonOf(error)})`,
        "give the path of a file with the value",
      );
    }
  }
  if (findings.length > 0) throw new ConfigurationError(findings);
  if (read.size === 0) return host;
  return { ...host, env: (name) => read.get(name) ?? host.env(name) };
}
