import type { MetaEntry } from "./meta_entries.ts";
import type { TaskType } from "./plan.ts";
import type { Report } from "./report.ts";
import { got } from "./schema.ts";
import { suggest } from "./suggest.ts";

/** Checks one value; the text says what was expected, undefined that it is right. */
type Rule = (value: unknown) => string | undefined;

const DEFAULT_POLL_MS = 120_000;
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

const flag: Rule = (value) => typeof value === "boolean" ? undefined : "true or false";
const text: Rule = (value) => typeof value === "string" && value !== "" ? undefined : "string";
const positiveNumber: Rule = (value) =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? undefined : "number above 0";
const anyInteger: Rule = (value) => Number.isSafeInteger(value) ? undefined : "integer";

function integer(least: number, most: number): Rule {
  const fits = (value: unknown) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
  return (value) => fits(value) ? undefined : `integer ${least}..${most}`;
}

function oneOf(...values: string[]): Rule {
  return (value) => values.includes(value as string) ? undefined : `one of ${values.join(", ")}`;
}

const attempts: Rule = (value) =>
  value === "unlimited" || integer(1, 1_000_000)(value) === undefined
    ? undefined
    : 'integer 1..1000000 or "unlimited"';

/** What the runtime reads for every task with an input queue, and what it means. */
const CONSUMER: Readonly<Record<string, Rule>> = {
  "max.poll.interval.ms": integer(1000, DAY_MS),
  "max.attempts": attempts,
  "retry.delay.ms": integer(0, DAY_MS),
  "max.in.flight": integer(1, 65_536),
  "stream.max.bytes": integer(65_536, Number.MAX_SAFE_INTEGER),
  "duplicate.window.ms": integer(1000, YEAR_MS),
};
const BULK: Readonly<Record<string, Rule>> = {
  "bulk.enabled": flag,
  "bulk.flush.timer": anyInteger,
  "bulk.flush.size": anyInteger,
};
const SOURCE_LIMITS: Readonly<Record<string, Rule>> = {
  "rate": positiveNumber,
  "limit": integer(1, Number.MAX_SAFE_INTEGER),
};

/** Known meta keys by task type. `raw` and `raw-source` have keys of the user's own besides. */
export const META_RULES: Readonly<Record<TaskType, Readonly<Record<string, Rule>>>> = {
  "fs-source": {
    "checkpoint": flag,
    "poll.interval.ms": integer(100, DAY_MS),
  },
  "raw-source": SOURCE_LIMITS,
  "nats-source": { ...CONSUMER, ...SOURCE_LIMITS },
  "raw": {
    ...CONSUMER,
    ...BULK,
    "concurrency": integer(1, 1000),
    "ack.manual": flag,
    "download.directory": downloadDirectory,
  },
  "s3-sink": {
    ...CONSUMER,
    ...BULK,
    "concurrency": integer(1, 1000),
    "key": text,
    "format": oneOf("json", "ndjson", "avro"),
  },
  "elastic-sink": { ...CONSUMER, ...BULK, "concurrency": integer(1, 1000), "document.id": text },
  "print": { ...CONSUMER, "concurrency": integer(1, 1000) },
};

/** Checks the meta of a task against what its type knows. */
export function checkMeta(
  entries: ReadonlyMap<string, MetaEntry>,
  options: { type: TaskType; report: Report },
): void {
  const { type, report } = options;
  const rules = META_RULES[type];
  const isUserCode = type === "raw" || type === "raw-source";
  for (const [key, { value, path }] of entries) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule) {
      const wanted = rule(value);
      if (wanted !== undefined) report.error(path, describe(wanted, value));
    } else if (Object.hasOwn(BULK, key) && type !== "raw-source") {
      report.error(path, `${type} has no bulk mode; remove "${key}"`, "key");
    } else if (!isUserCode) {
      const hint = suggest(key, Object.keys(rules), "known keys");
      report.warning(path, `${type} does not know meta key "${key}"; ${hint}`, "key");
    }
  }
  warnShortPoll(entries, report);
  warnShortWindow(entries, report);
  warnIdleBulk(entries, report);
  warnManualBulk(entries, report);
}

function describe(wanted: string, value: unknown): string {
  return wanted.startsWith("must ") ? wanted : `expected ${wanted}, got ${got(value)}`;
}

function warnShortPoll(entries: ReadonlyMap<string, MetaEntry>, report: Report): void {
  const entry = entries.get("max.poll.interval.ms");
  if (!entry || report.isBroken(entry.path) || typeof entry.value !== "number") return;
  if (entry.value >= 11_000) return;
  report.warning(
    entry.path,
    `${entry.value} is under 11000, so that a slow record may be processed more than once; use 11000 or more`,
  );
}

/** A crash between publish and ack is redelivered after the poll interval, and must still find its message ids remembered. */
function warnShortWindow(entries: ReadonlyMap<string, MetaEntry>, report: Report): void {
  const window = entries.get("duplicate.window.ms");
  const interval = entries.get("max.poll.interval.ms")?.value ?? DEFAULT_POLL_MS;
  if (typeof window?.value !== "number" || typeof interval !== "number") return;
  if (window.value >= 5 * interval || report.isBroken(window.path)) return;
  report.warning(
    window.path,
    `${window.value} is under 5 times max.poll.interval.ms (${interval}), so that a redelivered record may be stored twice; use ${
      5 * interval
    } or more`,
  );
}

/** Product document: without all three, and positive numbers, "the bulk mode won't be activated". */
function warnIdleBulk(entries: ReadonlyMap<string, MetaEntry>, report: Report): void {
  const present = Object.keys(BULK).flatMap((key) => entries.get(key) ?? []);
  const [first] = present;
  if (!first || present.some(({ path }) => report.isBroken(path))) return;
  if (entries.get("bulk.enabled")?.value === false) return;
  const missing = Object.keys(BULK).filter((key) => !entries.has(key));
  const idle = ["bulk.flush.timer", "bulk.flush.size"].filter((key) => {
    const value = entries.get(key)?.value;
    return typeof value === "number" && value <= 0;
  });
  if (missing.length > 0) {
    report.warning(
      first.path,
      `bulk mode is not activated: ${missing.join(" and ")} missing; give all of ${
        Object.keys(BULK).join(", ")
      }`,
      "key",
    );
  } else if (idle.length > 0) {
    const { path } = entries.get(idle[0]!)!;
    report.warning(
      path,
      `bulk mode is not activated: ${idle.join(" and ")} must be above 0; give a number above 0`,
    );
  }
}

/** Product document: "manual mode will override bulk mode". */
function warnManualBulk(entries: ReadonlyMap<string, MetaEntry>, report: Report): void {
  const bulk = entries.get("bulk.enabled");
  if (bulk?.value !== true || entries.get("ack.manual")?.value !== true) return;
  report.warning(
    bulk.path,
    "manual acknowledgement overrides bulk mode; remove bulk.* or ack.manual",
    "key",
  );
}

/** Lexical only: links are followed when the folder is opened. */
function downloadDirectory(value: unknown): string | undefined {
  if (typeof value !== "string") return "string";
  const problem = `must resolve strictly below /tmp, got ${
    JSON.stringify(value.slice(0, 80))
  }; use a folder such as /tmp/mydir`;
  if (!value.startsWith("/") || value.includes("\0")) return problem;
  const segments: string[] = [];
  for (const segment of value.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments[0] === "tmp" && segments.length > 1 ? undefined : problem;
}
