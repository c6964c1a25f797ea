import { sourceId } from "../../broker/message_id.ts";
import type { RecordSchema, RecordValue } from "../../codec/codec.ts";
import type { ObjectInfo } from "../../store/store.ts";

const FIELDS = ["url", "lastModifiedUnixMilli", "bucket", "key"];

/** The record of one object, as far as the schema has its fields. */
export function objectRecord(object: ObjectInfo, schema: RecordSchema): RecordValue {
  const { bucket, key, lastModifiedUnixMilli } = object;
  const all: RecordValue = { url: `s3a://${bucket}/${key}`, lastModifiedUnixMilli, bucket, key };
  for (const field of FIELDS) if (!schema.fields.has(field)) delete all[field];
  return all;
}

/** Names one version of one object, as a listing shows it. */
export function objectVersion(object: ObjectInfo): string {
  const { bucket, key, etag, lastModifiedUnixMilli } = object;
  return sourceId([bucket, key, etag, String(lastModifiedUnixMilli)]);
}

/** The id of the record's message: with a checkpoint the same in every run, which then lists a version once; else that of the run, which lists everything. */
export function objectMessageId(
  version: string,
  { checkpoint, run }: { checkpoint: boolean; run: string },
): string {
  return checkpoint ? version : sourceId([run, version]);
}

/** Under this and its version an object is noted that came by a notification: with a checkpoint it need not be listed any more. */
export const NOTIFIED = "notified-";
