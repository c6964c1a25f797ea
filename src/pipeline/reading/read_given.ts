import { Secret } from "../../base/secret.ts";
import type { Path } from "./places.ts";
import type { Report } from "./findings.ts";
import { MAX_DEPTH, MAX_VALUES, TOO_MUCH } from "./size_limits.ts";

/**
 * Copies a pipeline that a program gave as an object into plain values, as if it had been written to a file as JSON and read from there.
 * Mistakes in it have a path and no line. Returns undefined when it is too large, which is reported.
 */
export function readGiven(given: object, report: Report): unknown {
  let values = 0;
  let isTooLarge = false;

  function copy(value: unknown, path: Path): unknown {
    if (isTooLarge) return null;
    if (path.length > MAX_DEPTH || ++values > MAX_VALUES) {
      report.error([], TOO_MUCH);
      isTooLarge = true;
      return null;
    }
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "function" || typeof value === "symbol") {
      report.error(path, `is a ${typeof value}; a pipeline is made of plain values`);
      return null;
    }
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Secret) {
      report.error(path, "is a Secret; write ${NAME} and give NAME in env");
      return null;
    }
    if (hasJson(value)) return copy(value.toJSON(), path);
    if (Array.isArray(value)) return value.map((item, index) => copy(item, [...path, index]));
    const mapping: Record<string, unknown> = {};
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const inner = [...path, name];
      if (name === "__proto__") report.error(inner, "this key is not allowed");
      else mapping[name] = copy(item, inner);
    }
    return mapping;
  }

  const value = copy(given, []);
  return isTooLarge ? undefined : value;
}

/** Such as a URL. */
function hasJson(value: object): value is { toJSON(): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}
