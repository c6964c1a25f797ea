import { ConfigurationError, type Finding, reasonOf } from "../base/errors.ts";
import { FILE_VARIABLES } from "./settings.ts";

/** What of a host reads variables and files. */
interface Reader {
  env(name: string): string | undefined;
  resolvePath(path: string): string;
  readText(path: string): Promise<string>;
}

/** Whether a variable names a file with the value of another. */
export function hasFileVariables(env: Reader["env"]): boolean {
  return FILE_VARIABLES.some((name) => env(`${name}_FILE`));
}

/**
 * The same host, with the content of files for variables that name one: `KFLOW_STORE_PASSWORD_FILE=/run/secrets/store` stands for
 * `KFLOW_STORE_PASSWORD`. A line break at the end does not count.
 * @throws {ConfigurationError} for each file that cannot be read or is empty, and for each variable that is given in both ways.
 */
export async function withFileVariables<H extends Reader>(host: H): Promise<H> {
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
      const text = (await host.readText(host.resolvePath(path))).replace(/\r?\n$/, "");
      // It would count as unset: a `serve` whose token is lost would ask for none.
      if (text.trim() === "") {
        mistake(`${JSON.stringify(path)} is empty`, "write the value into it");
      }
      read.set(name, text);
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
