import { HttpError } from "../../http/http_error.ts";

/** How records are written in a body: one JSON value or an array, JSON lines, one bare Avro record, an Avro container file. */
export type RecordKind = "json" | "ndjson" | "avro" | "container";

/** The first of each kind is the one that is answered with. */
const TYPES: readonly (readonly [type: string, kind: RecordKind])[] = [
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["avro/binary", "avro"],
  ["application/avro", "container"],
  ["application/vnd.apache.avro", "container"],
];
const KNOWN = "application/json, application/x-ndjson, avro/binary or application/avro";

export function contentTypeOf(kind: RecordKind): string {
  return TYPES.find(([, each]) => each === kind)![0];
}

/** @throws {HttpError} 415. */
export function kindOfBody(contentType: string | undefined): RecordKind {
  const type = mediaType(contentType ?? "");
  const found = TYPES.find(([known]) => known === type);
  if (found !== undefined) return found[1];
  const problem = type === ""
    ? "The body has no content type"
    : `Cannot read a body of type ${JSON.stringify(type)}`;
  throw new HttpError(415, problem, { hint: `send Content-Type ${KNOWN}` });
}

/** The kind that a client likes best; JSON if it says nothing. @throws {HttpError} 406. */
export function acceptedKind(accept: string | null): RecordKind {
  if (accept === null || accept.trim() === "") return "json";
  const wanted = accept.split(",")
    .map((part) => ({ type: mediaType(part), quality: qualityOf(part) }))
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { type } of wanted) {
    const found = TYPES.find(([known]) => matches(type, known));
    if (found !== undefined) return found[1];
  }
  throw new HttpError(406, `Cannot answer with ${JSON.stringify(accept)}`, {
    hint: `accept ${KNOWN}`,
  });
}

/** Without its parameters. */
export function mediaType(header: string): string {
  return header.split(";")[0]!.trim().toLowerCase();
}

function qualityOf(part: string): number {
  const [, quality] = /;\s*q=([\d.]+)/i.exec(part) ?? [];
  return quality === undefined ? 1 : Number(quality) || 0;
}

function matches(wanted: string, known: string): boolean {
  if (wanted === "*/*" || wanted === known) return true;
  return wanted.endsWith("/*") && known.startsWith(wanted.slice(0, -1));
}
