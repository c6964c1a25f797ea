import type { Path } from "./places.ts";
import type { Report } from "./findings.ts";
import { documentSchema, gotKind, keysAt, type PipelineDocument } from "./schema.ts";
import { suggest } from "./suggest.ts";
import { keyWithoutValue } from "./without_secrets.ts";

/**
 * Checks the document against the schema. Each wrong value is reported and taken out, so that the checks that follow still see
 * the rest. Returns undefined if not even a mapping is left.
 */
export function checkShape(value: unknown, report: Report): PipelineDocument | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    report.error([], `expected mapping, got ${gotKind(value)}; a pipeline is a mapping with 'dag'`);
    return undefined;
  }
  const document = structuredClone(value);
  // Once is enough unless zod stops early somewhere inside.
  for (let round = 0; round < 10; round++) {
    const checked = documentSchema.safeParse(document);
    if (checked.success) return checked.data;
    for (const issue of checked.error.issues) {
      const path = issue.path.map((step) => typeof step === "symbol" ? String(step) : step);
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys) {
          unknownKey([...path, key], report);
          remove(document, [...path, key]);
        }
        continue;
      }
      const isEmptyTask = path.length === 2 && path[0] === "dag" &&
        / got nothing/.test(issue.message);
      if (!report.isBroken(path)) {
        report.error(
          path,
          isEmptyTask ? `dag[${path[1]}] is empty; write a task or remove the dash` : issue.message,
        );
      }
      report.lose(path);
      remove(document, path);
    }
  }
  return undefined;
}

function unknownKey(path: Path, report: Report): void {
  const key = String(path.at(-1));
  const hint = suggest(key, keysAt(path.slice(0, -1)), "known keys");
  const perTask = key === "nats" && path[0] === "dag" && path.at(-2) === "globalConfig";
  report.error(
    path,
    perTask
      ? "nats is set once for the whole pipeline; move it to the globalConfig at the top"
      : `unknown key ${JSON.stringify(keyWithoutValue(key))}; ${hint}`,
    "key",
  );
}

/** Elements of lists become undefined, so that the others keep their places. */
function remove(document: object, path: Path): void {
  let here: unknown = document;
  for (const step of path.slice(0, -1)) {
    if (typeof here !== "object" || here === null) return;
    here = Reflect.get(here, step);
  }
  const last = path.at(-1);
  if (last === undefined || typeof here !== "object" || here === null) return;
  if (Array.isArray(here)) here[Number(last)] = undefined;
  else Reflect.deleteProperty(here, last);
}
