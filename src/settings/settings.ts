import type { Finding } from "../base/errors.ts";
import { FAILPOINTS, type FailpointSetting, readFailpoint } from "./failpoint_setting.ts";
import { LOG_LEVELS, type LogLevel } from "../base/log.ts";
import { type OtlpSettings, readOtlp } from "./otlp_settings.ts";
import { Secret } from "../base/secret.ts";

/** What the environment says. A variable that is empty counts as unset. */
export interface Settings {
  /** `KFLOW_RUNTIME_LOG_LEVEL` @default "INFO" */
  readonly logLevel: LogLevel;
  /** `KFLOW_LONG_RUNNING_PROCESSING`: the ack wait does not run while the function does. @default false */
  readonly longRunning: boolean;
  /** `KFLOW_SKIP_DOWNLOAD_ERROR`: a failed download leaves `localPath` undefined. @default false */
  readonly skipDownloadError: boolean;
  /** `KFLOW_DL_UP_PROGRESS`: percent of a download or upload between two log lines; absent: none. */
  readonly progressPercent?: number;
  /** `KFLOW_CREATE_SIDESTREAM`: a missing stream for error records is created. @default false */
  readonly createSideStream: boolean;
  /** `KFLOW_SHUTDOWN_GRACE_MS`: time to finish what is begun. @default 25000 */
  readonly shutdownGraceMs: number;
  /** `KFLOW_RUN_ID` */
  readonly runId?: string;
  /** `KFLOW_STATE_DIR`: folder of the embedded broker's state. */
  readonly stateFolder?: string;
  /** `KFLOW_FLOW_ID` */
  readonly flowId?: string;
  /** `KFLOW_TAKE_OVER`: the flow id is taken from another pipeline that still uses it. @default false */
  readonly takeOver: boolean;
  /** `KFLOW_NATS_ADDR`, as written: checked where the pipeline leaves it out. */
  readonly natsAddr?: string;
  /** `KFLOW_NATS_REPLICAS` @default 1 */
  readonly natsReplicas: number;
  /** `KFLOW_STREAM_BYTES`: of a task's queue where its `stream.max.bytes` does not say. */
  readonly streamBytes?: number;
  /** `KFLOW_DEAD_LETTER_BYTES` */
  readonly deadLetterBytes?: number;
  /** `KFLOW_STORE_ADDR`, likewise. */
  readonly storeAddr?: string;
  /** `KFLOW_STORE_USER` */
  readonly storeUser?: string;
  /** `KFLOW_STORE_PASSWORD` */
  readonly storePassword?: Secret;
  /** `KFLOW_HTTP_TOKEN` */
  readonly httpToken?: Secret;
  /** `KFLOW_FAILPOINT` */
  readonly failpoint?: FailpointSetting;
  /** `OTEL_*`; absent without an endpoint. */
  readonly otlp?: OtlpSettings;
}

const SHUTDOWN_GRACE_MS = 25_000;
const DAY_MS = 86_400_000;
const LEAST_STREAM_BYTES = 65_536;
const STREAM_BYTES_TEXT = `integer ${LEAST_STREAM_BYTES}..${Number.MAX_SAFE_INTEGER}`;
const VISIBLE = /^[\x21-\x7e]+$/;
const VISIBLE_TEXT = "visible ASCII characters without blanks or line breaks";
// deno-lint-ignore no-control-regex
const CONTROL = /[\0-\x1f\x7f]/;
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  "1": true,
  false: false,
  "0": false,
};
const BOOLEAN_TEXT = "one of true, false, 1, 0";

/** What a variable means, for messages and for docs/reference.md. */
export interface Variable {
  /** What its value has to be. */
  readonly wanted: string;
  /** Markdown. */
  readonly meaning: string;
  /** What holds where it is unset or empty; Markdown. */
  readonly fallback: string;
  /** Whether a password or token may be in it: no message quotes it, and a file may give it. @default false */
  readonly secret?: true;
}

/** Every variable. */
export const VARIABLES = {
  KFLOW_NATS_ADDR: {
    wanted: "address of a NATS server",
    meaning:
      "Used where the file has no `globalConfig.nats.addr`; credentials are written in it. Several with commas between are servers of one cluster",
    fallback: "the embedded broker",
    secret: true,
  },
  KFLOW_NATS_REPLICAS: {
    wanted: "integer 1..5",
    meaning:
      "On how many servers of a NATS cluster each stream is kept that kflow makes; one that has fewer gets more",
    fallback: "1",
  },
  KFLOW_STREAM_BYTES: {
    wanted: STREAM_BYTES_TEXT,
    meaning:
      "Bytes of the queue of a task without `stream.max.bytes`, which a NATS server reserves. A stream that has more keeps it",
    fallback: "256 MiB on a NATS server, 16 MiB embedded",
  },
  KFLOW_DEAD_LETTER_BYTES: {
    wanted: STREAM_BYTES_TEXT,
    meaning:
      "Bytes which a NATS server reserves for the dead letters of the flow. When they are full, records that fail for good wait",
    fallback: "`KFLOW_STREAM_BYTES`",
  },
  KFLOW_STORE_ADDR: {
    wanted: "address of a store",
    meaning: "Used where the file names no store for a task",
    fallback: "none",
    secret: true,
  },
  KFLOW_STORE_USER: {
    wanted: VISIBLE_TEXT,
    meaning: "User at a store for which the file names none",
    fallback: "none",
    secret: true,
  },
  KFLOW_STORE_PASSWORD: {
    wanted: "string without line breaks and other control characters",
    meaning: "Password at a store for which the file has none",
    fallback: "none",
    secret: true,
  },
  KFLOW_FLOW_ID: {
    wanted: "string [A-Za-z0-9_-]{1,64}",
    meaning: "Flow id; wins over `name` in the file",
    fallback: "`name`, else the file's name without its extension",
  },
  KFLOW_TAKE_OVER: {
    wanted: BOOLEAN_TEXT,
    meaning:
      "On a NATS server the flow id is taken from another pipeline that still uses it: see [names](run/where-state-lies.md#names-on-a-server)",
    fallback: "false: the start is refused",
  },
  KFLOW_PIPELINE: {
    wanted: "path of a pipeline file",
    meaning:
      "The pipeline of `kflow worker` where no file is given, and of a program that calls `BasicRuntime.run()`",
    fallback: "none",
  },
  KFLOW_TASK: {
    wanted: "id of a task",
    meaning: "The task of `kflow worker` without `--task`, and of such a program",
    fallback: "none",
  },
  KFLOW_RUN_ID: {
    wanted: "string [A-Za-z0-9_-]{1,64}",
    meaning: "Id of the batch run; `--run` wins",
    fallback: "a new one for `run`, `default` for `worker`",
  },
  KFLOW_STATE_DIR: {
    wanted: "path of a folder",
    meaning: "Where the embedded broker keeps checkpoints and dead letters",
    fallback: "`.kflow` beside the pipeline file",
  },
  KFLOW_HTTP_TOKEN: {
    wanted: VISIBLE_TEXT,
    meaning: "Bearer token that requests to `serve` need to change anything",
    fallback: "none: only requests over loopback are accepted",
    secret: true,
  },
  KFLOW_RUNTIME_LOG_LEVEL: {
    wanted: `one of ${LOG_LEVELS.join(", ")}`,
    meaning: "Log lines below it are not written",
    fallback: "INFO",
  },
  KFLOW_SHUTDOWN_GRACE_MS: {
    wanted: `integer 0..${DAY_MS}`,
    meaning: "Time to finish calls in progress after SIGINT or SIGTERM, in ms",
    fallback: String(SHUTDOWN_GRACE_MS),
  },
  KFLOW_LONG_RUNNING_PROCESSING: {
    wanted: BOOLEAN_TEXT,
    meaning:
      "The worker extends the ack wait while the function runs: `max.poll.interval.ms` may then be shorter than a call",
    fallback: "false",
  },
  KFLOW_SKIP_DOWNLOAD_ERROR: {
    wanted: BOOLEAN_TEXT,
    meaning:
      "A failed automatic download leaves `localPath` undefined instead of failing the record",
    fallback: "false",
  },
  KFLOW_DL_UP_PROGRESS: {
    wanted: "integer 1..100",
    meaning: "Percent of a download or upload over 1 MiB between two log lines at INFO",
    fallback: "no such lines",
  },
  KFLOW_CREATE_SIDESTREAM: {
    wanted: "any text; all but `false` turns it on",
    meaning: "Missing streams for error records are created, named as `errorTopics` says",
    fallback: "false",
  },
  KFLOW_FAILPOINT: {
    wanted: `POINT[:TIME[:SIGNAL]] with POINT one of ${Object.keys(FAILPOINTS).join(", ")}`,
    meaning:
      "For tests of faults: `run` or `worker` gets the signal (SIGKILL) when it has reached that step TIME times",
    fallback: "none",
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    wanted: "http or https URL without credentials",
    meaning: "Spans are posted to `URL/v1/traces` as OTLP/HTTP with JSON",
    fallback: "none: no spans are made",
    secret: true,
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    wanted: "list name=value,… with values percent-encoded",
    meaning: "Headers of these requests",
    fallback: "none",
    secret: true,
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    wanted: "http or https URL without credentials",
    meaning: "Spans are posted to exactly this URL; wins over `OTEL_EXPORTER_OTLP_ENDPOINT`",
    fallback: "none",
    secret: true,
  },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: {
    wanted: "list name=value,… with values percent-encoded",
    meaning: "Headers of the requests, instead of `OTEL_EXPORTER_OTLP_HEADERS`",
    fallback: "none",
    secret: true,
  },
  OTEL_SERVICE_NAME: {
    wanted: "string",
    meaning: "`service.name` of the spans",
    fallback: "that of `OTEL_RESOURCE_ATTRIBUTES`, else kflow",
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    wanted: "list name=value,… with values percent-encoded",
    meaning: "Further attributes of the spans' resource",
    fallback: "none",
  },
  OTEL_TRACES_SAMPLER: {
    wanted: "one of parentbased_always_on, parentbased_traceidratio, parentbased_always_off",
    meaning:
      "Which traces begin at a source or an HTTP call. For a trace that a message carries, its own flag decides",
    fallback: "parentbased_always_on",
  },
  OTEL_TRACES_SAMPLER_ARG: {
    wanted: "number 0..1",
    meaning: "Fraction of the traces that `parentbased_traceidratio` begins",
    fallback: "1",
  },
} as const satisfies Readonly<Record<string, Variable>>;
export type VariableName = keyof typeof VARIABLES;

/** What a header can have. */
function visibleText(value: string): string | undefined {
  return VISIBLE.test(value) ? value : undefined;
}

/** Variables that may be given by a file instead, whose path is in the variable with `_FILE` at its end: as containers have secrets. */
export const FILE_VARIABLES: readonly VariableName[] = Object.entries<Variable>(VARIABLES)
  .filter(([, { secret }]) => secret === true).map(([name]) => name as VariableName);

/**
 * Reads every variable. All mistakes are found together, each with the file `environment` and the variable as its path;
 * a variable with a mistake has its default in `settings`. Flow id and addresses are checked with the pipeline.
 */
export function readSettings(
  env: (name: string) => string | undefined,
): { settings: Settings; findings: Finding[] } {
  const findings: Finding[] = [];
  const text = (name: VariableName) => env(name) || undefined;

  function read<T>(
    name: VariableName,
    parse: (value: string) => T | undefined,
  ): T | undefined {
    const value = text(name);
    if (value === undefined) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) {
      const { wanted, secret }: Variable = VARIABLES[name];
      const text = JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
      findings.push({
        file: "environment",
        path: name,
        problem: `expected ${wanted}, got ${secret ? "something else" : text}`,
        hint: "change it or unset it",
      });
    }
    return parsed;
  }
  const flag = (name: VariableName) =>
    read(name, (value) => Object.hasOwn(BOOLEANS, value) ? BOOLEANS[value] : undefined) ?? false;
  const integer = (name: VariableName, least: number, most: number) =>
    read(name, (value) => {
      const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
      return number >= least && number <= most ? number : undefined;
    });

  const logLevel = read(
    "KFLOW_RUNTIME_LOG_LEVEL",
    (value) => LOG_LEVELS.find((level) => level === value),
  );
  const progressPercent = integer("KFLOW_DL_UP_PROGRESS", 1, 100);
  const runId = read(
    "KFLOW_RUN_ID",
    (value) => /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : undefined,
  );
  const stateFolder = text("KFLOW_STATE_DIR");
  const flowId = text("KFLOW_FLOW_ID");
  const natsAddr = text("KFLOW_NATS_ADDR");
  const storeAddr = text("KFLOW_STORE_ADDR");
  const storeUser = read("KFLOW_STORE_USER", visibleText);
  const storePassword = read(
    "KFLOW_STORE_PASSWORD",
    (value) => CONTROL.test(value) ? undefined : value,
  );
  const httpToken = read("KFLOW_HTTP_TOKEN", visibleText);
  const bytes = (name: VariableName) => integer(name, LEAST_STREAM_BYTES, Number.MAX_SAFE_INTEGER);
  const streamBytes = bytes("KFLOW_STREAM_BYTES");
  const deadLetterBytes = bytes("KFLOW_DEAD_LETTER_BYTES");
  const failpoint = read("KFLOW_FAILPOINT", readFailpoint);
  const otlp = readOtlp(read);
  const settings: Settings = {
    logLevel: logLevel ?? "INFO",
    longRunning: flag("KFLOW_LONG_RUNNING_PROCESSING"),
    takeOver: flag("KFLOW_TAKE_OVER"),
    skipDownloadError: flag("KFLOW_SKIP_DOWNLOAD_ERROR"),
    createSideStream: (text("KFLOW_CREATE_SIDESTREAM") ?? "false").toLowerCase() !== "false",
    natsReplicas: integer("KFLOW_NATS_REPLICAS", 1, 5) ?? 1,
    shutdownGraceMs: integer("KFLOW_SHUTDOWN_GRACE_MS", 0, DAY_MS) ?? SHUTDOWN_GRACE_MS,
    ...(streamBytes !== undefined && { streamBytes }),
    ...(deadLetterBytes !== undefined && { deadLetterBytes }),
    ...(progressPercent !== undefined && { progressPercent }),
    ...(runId !== undefined && { runId }),
    ...(stateFolder !== undefined && { stateFolder }),
    ...(flowId !== undefined && { flowId }),
    ...(natsAddr !== undefined && { natsAddr }),
    ...(storeAddr !== undefined && { storeAddr }),
    ...(storeUser !== undefined && { storeUser }),
    ...(storePassword !== undefined && { storePassword: new Secret(storePassword) }),
    ...(httpToken !== undefined && { httpToken: new Secret(httpToken) }),
    ...(failpoint !== undefined && { failpoint }),
    ...(otlp !== undefined && { otlp }),
  };
  return { settings, findings };
}
