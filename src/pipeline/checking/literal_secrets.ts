import { holdsPassword } from "./address.ts";
import type { Path } from "../reading/places.ts";
import type { Report } from "../reading/findings.ts";
import { isSecretKey } from "../reading/schema.ts";

const ADVICE = "write ${NAME} and set it in the environment, or ${file:/path}";
/** Keys under which anything may stand. */
const OPEN = new Set(["meta", "schema", "env", "sidecars", "resources"]);

/** Warns of passwords that stand in the file itself. */
export function warnLiteralSecrets(
  document: unknown,
  options: { report: Report; isExpanded: (path: Path) => boolean },
): void {
  const { report, isExpanded } = options;
  const visit = (value: unknown, path: Path) => {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        if (!OPEN.has(key)) visit(inner, [...path, Array.isArray(value) ? Number(key) : key]);
      }
      return;
    }
    const key = path.at(-1);
    const isSecret = isSecretKey(key) ||
      (key === "addr" && typeof value === "string" && holdsPassword(value));
    if (!isSecret || typeof value !== "string" || value === "" || isExpanded(path)) return;
    if (report.places.of(path).file === report.places.file) {
      report.warning(path, `literal ${key === "token" ? "token" : "password"}; ${ADVICE}`);
    }
  };
  visit(document, []);
}
