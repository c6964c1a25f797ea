import { DEFAULT_POLL_MS } from "../plan/delivery_meta.ts";
import type { TaskType } from "../reading/task_types.ts";

/** What a `meta` key means to a task type, for the check and for docs/reference.md. */
export interface MetaRule {
  /** What its value has to be. */
  readonly wanted: string;
  readonly meaning: string;
  /** What holds where the key is missing; Markdown. */
  readonly fallback: string;
  /** Says what was expected, or what is wrong, of a value that does not fit. */
  check(value: unknown): string | undefined;
}

type Values = Pick<MetaRule, "wanted" | "check">;

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

const flag = values("true or false", (value) => typeof value === "boolean");
const text = values("string", (value) => typeof value === "string" && value !== "");
const anyInteger = values("integer", Number.isSafeInteger);
const positiveNumber = values(
  "number above 0",
  (value) => typeof value === "number" && Number.isFinite(value) && value > 0,
);
const attempts = values(
  'integer 1..1000000 or "unlimited"',
  (value) => value === "unlimited" || isInteger(value, 1, 1_000_000),
);
const folder: Values = { wanted: "string: a folder below /tmp", check: checkDownloadDirectory };

/** What the runtime reads for every task that is handed messages. */
const DELIVERIES: Readonly<Record<string, MetaRule>> = {
  "max.poll.interval.ms": rule(
    integer(1000, DAY_MS),
    "Ack wait in ms. A record that is not acknowledged within it is redelivered. Values below 11000 trigger a warning",
    String(DEFAULT_POLL_MS),
  ),
  "max.attempts": rule(
    attempts,
    "How often a record is tried before it becomes a dead letter. Errors that another try is unlikely to cure (a result that does not fit its schema or the broker, an object that does not exist) get two tries",
    "5 in a batch, 20 in streaming mode",
  ),
  "retry.delay.ms": rule(
    integer(0, DAY_MS),
    "Time before a failed record is tried again, ms",
    "1000, doubled with each attempt up to `max.poll.interval.ms`",
  ),
  "max.in.flight": rule(
    integer(1, 65_536),
    "Limit of the records that one worker holds unacknowledged. It starts with `concurrency` and takes more while the function is fast. In bulk mode at least two bulks; with manual acknowledgement this many inputs without `requestAck()` end the worker with an error",
    "1024",
  ),
};

/** And for every task with an input queue of its own. */
const CONSUMER: Readonly<Record<string, MetaRule>> = {
  ...DELIVERIES,
  "stream.max.bytes": rule(
    integer(65_536, Number.MAX_SAFE_INTEGER),
    "Bytes in the task's input queue after which its producers wait",
    "256 MiB on a NATS server, 16 MiB embedded",
  ),
  "duplicate.window.ms": rule(
    integer(1000, YEAR_MS),
    "How long the input queue remembers message ids, in ms. On a NATS server it takes about 210 bytes of memory per message within the window",
    "the larger of 600000 and 5 × the longest `max.poll.interval.ms` of this task and of those that feed it",
  ),
};

/** Bulk mode needs all three. */
export const BULK_RULES: Readonly<Record<string, MetaRule>> = {
  "bulk.enabled": rule(
    flag,
    "Writes many records at once; needs both keys below. For sinks, and for functions of your own with `flush(records, ctx)`",
    "false",
  ),
  "bulk.flush.timer": rule(
    anyInteger,
    "Longest time a record waits for its bulk to fill, ms; above 0",
    "none",
  ),
  "bulk.flush.size": rule(anyInteger, "Records that make a bulk; above 0", "none"),
};

const SOURCE_LIMITS: Readonly<Record<string, MetaRule>> = {
  "rate": rule(positiveNumber, "Records per second at most", "unlimited"),
  "limit": rule(
    integer(1, Number.MAX_SAFE_INTEGER),
    "Records after which the source ends; of a `nats-source` since the worker started",
    "unlimited",
  ),
};

const CONCURRENCY_RANGE = integer(1, 1000);

function concurrency(fallback: string): MetaRule {
  return rule(
    CONCURRENCY_RANGE,
    "Calls at once in one worker; above 1 records may overtake each other",
    fallback,
  );
}

/** Known meta keys by task type. `raw` and `raw-source` have keys of the user's own besides. */
export const META_RULES: Readonly<Record<TaskType, Readonly<Record<string, MetaRule>>>> = {
  "fs-source": {
    "checkpoint": rule(
      flag,
      "Remembers across runs which versions of which objects were listed, and lists only others. Else every run lists everything",
      "false",
    ),
    "poll.interval.ms": rule(
      integer(100, DAY_MS),
      "In streaming mode the time between two listings, ms",
      "10000",
    ),
  },
  "raw-source": {
    ...SOURCE_LIMITS,
    "max.attempts": rule(
      attempts,
      "How often a source that fails is asked again, over the whole run, before it ends the run or the worker",
      "5 in a batch, `unlimited` in streaming mode",
    ),
  },
  "nats-source": { ...DELIVERIES, ...SOURCE_LIMITS },
  "raw": {
    ...CONSUMER,
    ...BULK_RULES,
    "concurrency": concurrency("1"),
    "ack.manual": rule(
      flag,
      "The function acknowledges with `requestAck()`; overrides bulk mode",
      "false",
    ),
    "isolate": rule(
      flag,
      "Runs the function in a Web Worker, so that it may compute for long without stopping heartbeats and the other tasks of the process",
      "false",
    ),
    "max.processing.ms": rule(
      integer(1, DAY_MS),
      "With `isolate: true` a call of the function is ended after this time in ms, and counts as failed. Until then its record is not redelivered",
      "none",
    ),
    "download.directory": rule(
      folder,
      "Where `autoDownload` puts files; links in it are followed before it is judged",
      "`/tmp/` and the host name",
    ),
  },
  "s3-sink": {
    ...CONSUMER,
    ...BULK_RULES,
    "concurrency": concurrency("16"),
    "key": rule(
      text,
      "Template of the object's key below the prefix of `topics`, such as `{bucket}/{key}.json`: fields of the record in braces",
      "the message id, which another run does not have, and the extension of the format",
    ),
    "format": rule(
      values("one of json, ndjson, avro", isOneOf(["json", "ndjson", "avro"])),
      "The same as `format` of the task, which wins",
      "json",
    ),
  },
  "elastic-sink": {
    ...CONSUMER,
    ...BULK_RULES,
    "concurrency": concurrency("16, with `document.id` 1"),
    "document.id": rule(
      text,
      "Template of the document's id, such as `{bucket}/{key}`: fields of the record in braces",
      "the message id",
    ),
    "document.op": rule(
      values("one of create, index", isOneOf(["create", "index"])),
      "What happens to a document whose id exists already: `create` leaves it, `index` replaces it. Data streams need `create`",
      "`create`, with `document.id` `index`",
    ),
  },
  "print": {
    ...CONSUMER,
    "concurrency": rule(
      CONCURRENCY_RANGE,
      "Lines that wait at once until the system takes them; they keep their order",
      "256",
    ),
  },
};

function rule(of: Values, meaning: string, fallback: string): MetaRule {
  return { ...of, meaning, fallback };
}

function values(wanted: string, fits: (value: unknown) => boolean): Values {
  return { wanted, check: (value) => fits(value) ? undefined : wanted };
}

function integer(least: number, most: number): Values {
  return values(`integer ${least}..${most}`, (value) => isInteger(value, least, most));
}

function isInteger(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least &&
    value <= most;
}

function isOneOf(allowed: readonly unknown[]): (value: unknown) => boolean {
  return (value) => allowed.includes(value);
}

/** Lexical only: links are followed when the folder is opened. */
function checkDownloadDirectory(value: unknown): string | undefined {
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
