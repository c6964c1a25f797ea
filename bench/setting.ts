/** What every contender of the bench works on: the same stream, the same records, the same limits. */
export { S3_LIST_SCHEMA as SCHEMA } from "../src/pipeline/record_schema.ts";

/** Flow, tasks and streams: `gen` is filled once, `work` is what is measured, `sink` is where its outputs wait. */
export const FLOW = "bench";
export const INPUT_STREAM = "kflow-bench-work";
export const INPUT_SUBJECT = "kflow.bench.work.gen";
export const OUTPUT_STREAM = "kflow-bench-sink";
export const OUTPUT_SUBJECT = "kflow.bench.sink.work";

/** Deliveries that a contender may hold unsettled. */
export const IN_FLIGHT = 1024;

export interface S3List {
  url: string;
  lastModifiedUnixMilli: number;
  bucket: string;
  key: string;
}

/** A record of about 110 bytes. */
export function recordOf(i: number): S3List {
  const key = `archive/2026/11/22/scans/document-${i}.pdf`;
  return {
    url: `s3a://docs/${key}`,
    lastModifiedUnixMilli: 1_760_000_000_000 + i,
    bucket: "docs",
    key,
  };
}

/** The function under test: reads every field, makes a new record. */
export function work(record: S3List): S3List {
  return {
    url: record.url,
    lastModifiedUnixMilli: record.lastModifiedUnixMilli + 1,
    bucket: record.bucket,
    key: record.key,
  };
}

/** What a contender prints as its last line. */
export interface Result {
  records: number;
  /** From the first delivery to the last confirmation and ack. */
  milliseconds: number;
  /** Resident set of a worker, bytes: the largest in the first and in the last third of its time. */
  rss?: { first: number; last: number };
}
