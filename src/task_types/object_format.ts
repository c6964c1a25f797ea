import type { Context } from "../api/context.ts";
import { avroContainer } from "../codec/container_writer.ts";

/** How an s3-sink writes records into an object. */
export interface ObjectFormat {
  readonly extension: string;
  readonly contentType: string;
  /** Whether many records go into one object. */
  readonly many: boolean;
  /** Records of different kinds cannot go into the same object. */
  kindOf(record: Context): string;
  /** @param records Of one kind, one at least. @param name Of the object: the same records under the same name give the same bytes. */
  encode(records: readonly Context[], name: string): Promise<Uint8Array<ArrayBuffer>>;
}

export type ObjectFormatName = "json" | "ndjson" | "avro";

export const OBJECT_FORMATS: Readonly<Record<ObjectFormatName, ObjectFormat>> = {
  json: {
    extension: ".json",
    contentType: "application/json",
    many: false,
    kindOf: () => "",
    encode: (records) => Promise.resolve(linesOf(records)),
  },
  ndjson: {
    extension: ".ndjson",
    contentType: "application/x-ndjson",
    many: true,
    kindOf: () => "",
    encode: (records) => Promise.resolve(linesOf(records)),
  },
  avro: {
    extension: ".avro",
    contentType: "application/avro",
    many: true,
    kindOf: (record) => record.recordAsAvro().schema,
    async encode(records, name) {
      const avro = records.map((record) => record.recordAsAvro());
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name));
      return avroContainer({
        schema: avro[0]!.schema,
        bodies: avro.map(({ body }) => body),
        sync: new Uint8Array(digest, 0, 16),
      });
    },
  },
};

function linesOf(records: readonly Context[]): Uint8Array<ArrayBuffer> {
  const lines = records.map((record) => JSON.stringify(record.recordAsJson()) + "\n");
  return new TextEncoder().encode(lines.join(""));
}
