import { HttpError } from "../../http/http_error.ts";
import { mediaType } from "./content_kind.ts";

/** The records of a request, and what names the call. */
export interface Envelope {
  readonly body: Uint8Array;
  readonly contentType: string | undefined;
  /** The same for each time that the same call is made; absent if the caller gives none. */
  readonly key?: string;
}

const STRUCTURED = "application/cloudevents+json";

/**
 * Takes a request apart: `Idempotency-Key`, or the CloudEvents attributes `id` and `source` in binary mode (headers `ce-…`) or structured mode.
 * @throws {HttpError} 400 for a structured event that is none.
 */
export function openEnvelope(headers: Headers, body: Uint8Array): Envelope {
  const contentType = headers.get("content-type") ?? undefined;
  const given = headers.get("idempotency-key");
  const key = given === null || given === "" ? undefined : keyOf(["idempotency-key", given]);
  if (mediaType(contentType ?? "") === STRUCTURED) {
    const event = readEvent(body);
    return { ...event, key: key ?? event.key };
  }
  const id = headers.get("ce-id");
  const eventKey = id === null ? undefined : keyOf(["event", headers.get("ce-source") ?? "", id]);
  return { body, contentType, key: key ?? eventKey };
}

function readEvent(body: Uint8Array): Required<Envelope> {
  let event: unknown;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw noEvent("it is no JSON");
  }
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw noEvent("it is no JSON object");
  }
  const text = (name: string) => {
    const value: unknown = Reflect.get(event, name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [id, source] = [text("id"), text("source")];
  if (id === undefined) throw noEvent('"id" is missing');
  if (source === undefined) throw noEvent('"source" is missing');
  const key = keyOf(["event", source, id]);
  const contentType = text("datacontenttype") ?? "application/json";
  const packed = text("data_base64");
  if (packed !== undefined) return { body: bytesOf(packed), contentType, key };
  const data: unknown = Reflect.get(event, "data");
  if (data === undefined) throw noEvent('it has neither "data" nor "data_base64"');
  const isText = typeof data === "string" && mediaType(contentType) !== "application/json";
  const content = isText ? data : JSON.stringify(data);
  return { body: new TextEncoder().encode(content), contentType, key };
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw noEvent('"data_base64" is no base64');
  }
}

function keyOf(parts: readonly string[]): string {
  return JSON.stringify(parts);
}

function noEvent(problem: string): HttpError {
  return new HttpError(400, `Cannot read the CloudEvent: ${problem}`, {
    hint: "send specversion, id, source, type and data, as CloudEvents 1.0 says",
  });
}
