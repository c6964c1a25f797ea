import type { RecordSchema, RecordValue } from "../../codec/codec.ts";
import { avroContainer } from "../../codec/container_writer.ts";
import { HttpError } from "../../http/http_error.ts";
import { shownError } from "../../http/shown_error.ts";
import type { CallOutcome } from "./call_job.ts";
import { contentTypeOf, type RecordKind } from "./content_kind.ts";
import type { RequestWork } from "../request_work.ts";

/** A record that came of a call. */
export interface AnsweredRecord {
  /** Place of the record that it was made from, from 0. */
  readonly item: number;
  /** Absent: the main output. */
  readonly sideOut?: string;
  readonly schema: RecordSchema;
  readonly body: Uint8Array;
}

/** The records as JSON, by where they would go. */
export async function jsonAnswer(
  records: readonly AnsweredRecord[],
  work: Pick<RequestWork, "rest">,
): Promise<{ outputs: unknown[]; sideOuts?: Record<string, unknown[]> }> {
  const outputs: unknown[] = [];
  const sideOuts = new Map<string, unknown[]>();
  for (const { sideOut, schema, body } of records) {
    await work.rest();
    const json = schema.toJson(schema.decode(body) as RecordValue);
    if (sideOut === undefined) {
      outputs.push(json);
      continue;
    }
    const side = sideOuts.get(sideOut) ?? [];
    side.push(json);
    sideOuts.set(sideOut, side);
  }
  return { outputs, ...(sideOuts.size > 0 && { sideOuts: Object.fromEntries(sideOuts) }) };
}

/**
 * Answers with what came of a call, all of which went well.
 * @param options.sideOut Which output a kind that has room for one is to hold; absent: the main one.
 */
export async function answerWith(
  records: readonly AnsweredRecord[],
  { kind, sideOut, work }: {
    kind: RecordKind;
    sideOut: string | undefined;
    work: Pick<RequestWork, "rest">;
  },
): Promise<Response> {
  if (records.length === 0) return new Response(null, { status: 204 });
  const headers = { "Content-Type": contentTypeOf(kind) };
  if (kind === "json") {
    return new Response(JSON.stringify(await jsonAnswer(records, work)) + "\n", { headers });
  }
  const chosen = records.filter((record) => record.sideOut === sideOut);
  const others = { "Kflow-Outputs": countsOf(records) };
  if (chosen.length === 0) return new Response(null, { status: 204, headers: others });
  const body = kind === "ndjson"
    ? await linesOf(chosen, work)
    : kind === "avro"
    ? onlyOne(chosen)
    : await containerOf(chosen);
  return new Response(body, { headers: { ...headers, ...others } });
}

async function linesOf(
  records: readonly AnsweredRecord[],
  work: Pick<RequestWork, "rest">,
): Promise<string> {
  let lines = "";
  for (const { schema, body } of records) {
    lines += JSON.stringify(schema.toJson(schema.decode(body))) + "\n";
    await work.rest();
  }
  return lines;
}

/** What is said of the records that failed. */
export function failuresOf(outcomes: readonly CallOutcome[]): unknown[] {
  return outcomes.flatMap(({ failure }, item) =>
    failure === undefined ? [] : [{
      item,
      retry: !failure.givenUp,
      record: { ...failure.record, error: shownError(failure.record.error) },
    }]
  );
}

/** Such as `main=2, bad=1`. */
function countsOf(records: readonly AnsweredRecord[]): string {
  const counts = new Map<string, number>();
  for (const { sideOut = "main" } of records) counts.set(sideOut, (counts.get(sideOut) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${name}=${count}`).join(", ");
}

function onlyOne(records: readonly AnsweredRecord[]): Uint8Array<ArrayBuffer> {
  if (records.length === 1) return new Uint8Array(records[0]!.body);
  throw new HttpError(406, `Cannot answer ${records.length} records as avro/binary, which is one`, {
    hint: "accept application/avro, application/x-ndjson or application/json",
  });
}

async function containerOf(records: readonly AnsweredRecord[]): Promise<Uint8Array<ArrayBuffer>> {
  const [{ schema }] = records as [AnsweredRecord];
  const bodies = records.map(({ body }) => body);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(schema.text));
  return avroContainer({ schema: schema.text, bodies, sync: new Uint8Array(digest, 0, 16) });
}
