import type { Path } from "./places.ts";
import type { Report } from "./findings.ts";
import { isSecretKey, keysAt, kindAt, quote, type ValueKind } from "./schema.ts";
import { suggest } from "./suggest.ts";
import { keyWithoutValue } from "./without_secrets.ts";

type Mapping = Record<string, unknown>;

/**
 * Puts `--set PATH=VALUE` into the document, in order. PATH is `mode`, `globalConfig.store.addr`, `dag.ID.addr`, `dag.ID.meta.bulk.enabled`…
 * VALUE is text where the pipeline wants text, else a number, `true`, `false` or a comma list.
 */
export function applySettings(
  document: unknown,
  settings: readonly string[],
  report: Report,
): void {
  if (!isMapping(document)) return;
  for (const setting of settings) {
    const problem = apply(document, setting, report);
    if (problem) report.add({ file: "--set", ...problem });
  }
}

interface Problem {
  path?: string;
  problem: string;
  hint?: string;
}

function apply(document: Mapping, setting: string, report: Report): Problem | undefined {
  const equals = setting.indexOf("=");
  if (equals < 1) {
    const shown = quote(keyWithoutValue(setting));
    const problem = equals < 0 ? `${shown} has no value` : "no path before =";
    return { problem, hint: "write PATH=VALUE, such as dag.demo.addr=host:9000" };
  }
  const steps = setting.slice(0, equals).split(".");
  const shown = shownPath(steps);
  const text = setting.slice(equals + 1);
  let path: Path = steps;
  if (steps[0] === "dag") {
    const tasks = Array.isArray(document.dag) ? document.dag : [];
    const ids = tasks.map((task) => isMapping(task) ? task.id : undefined);
    const index = ids.indexOf(steps[1]);
    if (index < 0) {
      const hint = suggest(steps[1] ?? "", ids.filter((id) => typeof id === "string"), "tasks");
      return { path: shown, problem: `no task has id ${quote(steps[1] ?? "")}`, hint };
    }
    path = ["dag", index, ...steps.slice(2)];
  }
  // A meta key has dots of its own.
  const meta = path[0] === "dag" && path[2] === "meta" && path.length > 3;
  if (meta) path = [...path.slice(0, 3), path.slice(3).join(".")];

  if (steps.includes("__proto__")) return { path: shown, problem: "this key is not allowed" };
  const kind = kindAt(path);
  if (!kind || steps.includes("")) {
    let known = path.length - 1;
    while (known > 0 && !kindAt(path.slice(0, known))) known--;
    const step = String(path[known] ?? "");
    return {
      path: shown,
      problem: steps.slice(0, -1).some(isSecretKey)
        ? "this key has no keys of its own"
        : `unknown key ${quote(keyWithoutValue(step))}`,
      hint: suggest(step, keysAt(path.slice(0, known)), "known keys"),
    };
  }
  if (kind === "mapping" || path[2] === "sideOuts") {
    return { path: shown, problem: "cannot be set as a whole", hint: "set one of its keys" };
  }
  const holder = reach(document, path.slice(0, -1));
  if (!holder) return undefined; // what is in its place is reported with the file
  const key = String(path.at(-1));
  if (meta) removeMeta(holder, key);
  holder[key] = valueOf(text, kind);
  const place = { file: "--set", shown };
  report.places.set(path, place);
  return undefined;
}

/** Without what follows a secret's key or stands in one: it was to be the value. */
function shownPath(steps: readonly string[]): string {
  const last = steps.findIndex(isSecretKey);
  const isWhole = last < 0 || last === steps.length - 1;
  const shown = isWhole ? steps : [...steps.slice(0, last + 1), "…"];
  return shown.map(keyWithoutValue).join(".");
}

function valueOf(text: string, kind: ValueKind): unknown {
  if (kind === "text") return text;
  if (kind === "list") return text === "" ? [] : text.split(",").map((item) => item.trim());
  if (text === "true" || text === "false") return text === "true";
  if (/^-?(0|[1-9]\d*)(\.\d+)?(e[-+]?\d+)?$/i.test(text)) return Number(text);
  return text;
}

/** The mapping at a path, made where it is missing; undefined if something else is there. */
function reach(document: Mapping, path: Path): Mapping | undefined {
  let here: unknown = document;
  for (const step of path) {
    if (!isMapping(here) && !Array.isArray(here)) return undefined;
    const next: unknown = Reflect.get(here, step);
    if (next === undefined || next === null) Reflect.set(here, step, {});
    here = Reflect.get(here, step);
  }
  return isMapping(here) ? here : undefined;
}

/** Takes a meta key out in whatever way it was written, nested or dotted. */
function removeMeta(meta: Mapping, key: string): void {
  Reflect.deleteProperty(meta, key);
  const steps = key.split(".");
  for (let length = 1; length < steps.length; length++) {
    const inner = meta[steps.slice(0, length).join(".")];
    if (isMapping(inner)) removeMeta(inner, steps.slice(length).join("."));
  }
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
