import type { Path } from "../reading/places.ts";
import type { Report } from "../reading/findings.ts";

export interface MetaEntry {
  readonly value: unknown;
  readonly path: Path;
}

/** Makes all keys of a `meta` mapping dotted. A key that is there both dotted and nested is an error. */
export function flattenMeta(
  meta: Readonly<Record<string, unknown>> | undefined,
  options: { path: Path; report: Report },
): Map<string, MetaEntry> {
  const { report } = options;
  const entries = new Map<string, MetaEntry>();

  function visit(mapping: object, prefix: string, path: Path): void {
    for (const [name, value] of Object.entries(mapping)) {
      const key = prefix + name;
      const inner = [...path, name];
      if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        visit(value, `${key}.`, inner);
        continue;
      }
      const first = entries.get(key);
      if (first) {
        const line = report.places.of(first.path, "key").line;
        const where = line === undefined ? "" : ` (first at line ${line})`;
        report.error(
          inner,
          `"${key}" is there both dotted and nested${where}; keep one of the two`,
          "key",
        );
      } else entries.set(key, { value, path: inner });
    }
  }

  if (meta) visit(meta, "", options.path);
  return entries;
}
