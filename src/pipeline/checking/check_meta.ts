import type { MetaEntry } from "./meta_entries.ts";
import { BULK_RULES, META_RULES } from "./meta_rules.ts";
import type { TaskType } from "../reading/task_types.ts";
import type { Report } from "../reading/findings.ts";
import { got } from "../reading/schema.ts";
import { suggest } from "../reading/suggest.ts";

const BULK_KEYS = Object.keys(BULK_RULES);

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
      const wanted = rule.check(value);
      if (wanted !== undefined) report.error(path, describe(wanted, value));
    } else if (BULK_KEYS.includes(key) && type !== "raw-source") {
      report.error(path, `${type} has no bulk mode; remove "${key}"`, "key");
    } else if (!isUserCode) {
      const hint = suggest(key, Object.keys(rules), "known keys");
      report.warning(path, `${type} does not know meta key "${key}"; ${hint}`, "key");
    }
  }
  if (type === "raw-source") warnIsolate(entries, report);
  if (type === "raw") checkProcessingLimit(entries, report);
  warnShortPoll(entries, report);
  warnIdleBulk(entries, report);
  warnManualBulk(entries, report);
}

function describe(wanted: string, value: unknown): string {
  return wanted.startsWith("must ") ? wanted : `expected ${wanted}, got ${got(value)}`;
}

/** The key may be one of the user's own, and still mean nothing more than that. */
function warnIsolate(entries: ReadonlyMap<string, MetaEntry>, report: Report): void {
  const entry = entries.get("isolate");
  if (entry?.value !== true) return;
  report.warning(
    entry.path,
    "only raw tasks run in a Worker; a raw-source runs in this thread",
    "key",
  );
}

function checkProcessingLimit(entries: ReadonlyMap<string, MetaEntry>, report: Report): void {
  const limit = entries.get("max.processing.ms");
  if (!limit || report.isBroken(limit.path) || entries.get("isolate")?.value === true) return;
  report.error(
    limit.path,
    'only a function in a Worker of its own can be ended; add "isolate: true" or remove it',
    "key",
  );
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

/** Product document: without all three, and positive numbers, "the bulk mode won't be activated". */
function warnIdleBulk(entries: ReadonlyMap<string, MetaEntry>, report: Report): void {
  const present = BULK_KEYS.flatMap((key) => entries.get(key) ?? []);
  const [first] = present;
  if (!first || present.some(({ path }) => report.isBroken(path))) return;
  if (entries.get("bulk.enabled")?.value === false) return;
  const missing = BULK_KEYS.filter((key) => !entries.has(key));
  const idle = ["bulk.flush.timer", "bulk.flush.size"].filter((key) => {
    const value = entries.get(key)?.value;
    return typeof value === "number" && value <= 0;
  });
  if (missing.length > 0) {
    report.warning(
      first.path,
      `bulk mode is not activated: ${missing.join(" and ")} missing; give all of ${
        BULK_KEYS.join(", ")
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
