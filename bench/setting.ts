/** What every contender of the bench works on: the same streams, the same records, the same limits. */
export { S3_LIST_SCHEMA as SCHEMA } from "../src/pipeline/checking/record_schema.ts";

/** Flow, task and streams: `gen` has filled the input, `work` is what is measured, its outputs wait for `sink` and, in a fan-out, for `copy`. */
export const FLOW = "bench";
export const INPUT_STREAM = "kflow-bench-work";
export const INPUT_SUBJECT = "kflow.bench.work.gen";
export const OUTPUT_TASKS = ["sink", "copy"] as const;

export function outputStream(task: string): string {
  return `kflow-bench-${task}`;
}

export function outputSubject(task: string): string {
  return `kflow.bench.${task}.work`;
}

/** Bytes of one stream; more than any comparison fills. */
export const STREAM_BYTES = 1 << 30;

export interface S3List {
  url: string;
  lastModifiedUnixMilli: number;
  bucket: string;
  key: string;
}

/** A record of about 110 bytes, or of `bytes` if that is more: its key is as long as it takes. */
export function recordOf(i: number, bytes = 0): S3List {
  const name = `archive/2026/11/22/scans/document-${i}.pdf`;
  const rest = bytes - 2 * name.length - SMALL_FIELDS;
  return {
    url: `s3a://docs/${name}`,
    lastModifiedUnixMilli: 1_760_000_000_000 + i,
    bucket: "docs",
    key: rest > 0 ? name + "x".repeat(rest) : name,
  };
}

/** Encoded: what is neither name. */
const SMALL_FIELDS = 26;

/** The function under test: reads every field, makes a new record. */
export function work(record: S3List): S3List {
  return {
    url: record.url,
    lastModifiedUnixMilli: record.lastModifiedUnixMilli + 1,
    bucket: record.bucket,
    key: record.key,
  };
}

/** What a contender is told, as JSON in its only argument. */
export interface Job {
  readonly server: string;
  /** Name of the consumer. */
  readonly group: string;
  /** Tasks that each output goes to. */
  readonly outs: readonly string[];
  /** Deliveries that it may hold unsettled. */
  readonly inFlight: number;
  /** Ends after so many; absent: when the consumer has nothing more for anybody. */
  readonly take?: number;
  /** Records before the time is taken. @default 0 */
  readonly warmUp?: number;
  /** How the hand-written loop publishes. */
  readonly publish?: "wildcard-inbox" | "js-publish";
  /** Of our worker: port of its metrics; absent: none. */
  readonly metricsPort?: number;
  /** Of our worker: whether there is an error side stream. */
  readonly errorStream?: boolean;
  /** Of our worker: KFLOW_LONG_RUNNING_PROCESSING. */
  readonly longRunning?: boolean;
}

/** What a contender prints as its last line. */
export interface Result {
  /** Acked by this process. */
  readonly records: number;
  /** When the first delivery after the warm-up came and when the last was acked, ms since 1970; 0 if there was none. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Resident set of our worker, bytes: the largest in the first and in the last third of its time. */
  readonly rss?: { readonly first: number; readonly last: number };
}
