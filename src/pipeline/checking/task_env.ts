import { readSettings } from "../../settings/settings.ts";
import type { Path } from "../reading/places.ts";
import type { Report } from "../reading/findings.ts";
import { got, gotKind, quote } from "../reading/schema.ts";

/** Reads `env`: a mapping, or a Kubernetes-style list of name and value. */
export function readEnv(
  value: unknown,
  { path, report }: { path: Path; report: Report },
): Record<string, string> {
  const values = new Map<string, string>();
  const places = new Map<string, Path>();
  const add = (name: unknown, text: unknown, at: Path) => {
    if (typeof name !== "string" || !/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
      report.error(
        at,
        `bad variable name ${
          typeof name === "string" ? quote(name.replace(/=[^]*$/, "=…")) : got(name)
        }; use letters, digits and _`,
      );
    } else if (places.has(name)) {
      report.error(at, `variable "${name}" is there twice; remove one`);
    } else if (typeof text === "string" || typeof text === "number" || typeof text === "boolean") {
      values.set(name, String(text));
      places.set(name, at);
    } else report.error(at, `expected string, got ${gotKind(text)}; give the variable a value`);
  };
  if (value === undefined) return {};
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const at = [...path, index];
      if (typeof item !== "object" || item === null || Array.isArray(item)) {
        report.error(at, `expected mapping, got ${gotKind(item)}; write name and value`);
        continue;
      }
      const unknown = Object.keys(item).find((key) => key !== "name" && key !== "value");
      if (unknown !== undefined) {
        report.error(
          [...at, unknown],
          `unknown key ${quote(unknown)}; known keys: name, value`,
          "key",
        );
      } else add(Reflect.get(item, "name"), Reflect.get(item, "value"), at);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, text] of Object.entries(value)) add(name, text, [...path, name]);
  } else report.error(path, `expected mapping, got ${gotKind(value)}; write NAME: value`);
  for (const finding of readSettings((name) => values.get(name)).findings) {
    const at = places.get(finding.path!)!;
    const name = at.at(-1) === finding.path ? "" : `${finding.path} is wrong: `;
    report.error(at, `${name}${finding.problem}; change it or remove it`);
  }
  return Object.fromEntries(values);
}
