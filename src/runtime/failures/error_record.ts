import { shortened } from "../../base/text/shortened.ts";
import type { Delivery } from "../../broker/broker.ts";
import type { RecordSchema } from "../../codec/codec.ts";
import { classOf, reasonOf, stackOf } from "../../base/errors.ts";
import { AckError } from "../../api/ack_error.ts";

/** What the product document says of a failed attempt ("Error SideStream content"). Every column is text. */
export interface ErrorRecord {
  /** Message and stack; its last line, ended by a line break, is `ClassName: reason`. */
  readonly error: string;
  /** The input: JSON after an `AckError` that asks for it, else its Avro, one character a byte. */
  readonly payload: string;
  /** `HOSTNAME`, else the name of the host. */
  readonly podName: string;
  /** Id of the flow. */
  readonly flowId: string;
  /** Id of the task. */
  readonly functionId: string;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
}

/** Schema of error records. */
export const ERROR_RECORD_SCHEMA = {
  type: "record",
  name: "error",
  namespace: "tech.athea.kosmos",
  fields: ["error", "payload", "podName", "flowId", "functionId", "timestamp"].map((name) => ({
    name,
    type: "string",
  })),
} as const;

/** Characters of a reason and of a stack that are kept at most. */
const REASON_LENGTH = 4096;
const STACK_LENGTH = 8192;
/** Bytes kept free for the note about what was cut. */
const NOTE_RESERVE = 512;

/**
 * The record of a failed attempt.
 * @param place.most Characters of the error's text.
 */
export function errorRecord(
  { delivery, schema }: { readonly delivery: Delivery; readonly schema?: RecordSchema },
  error: unknown,
  place: { flow: string; task: string; podName: string; most?: number },
): ErrorRecord {
  return {
    error: errorText(error, place.most),
    payload: payloadOf(error, delivery, schema),
    podName: place.podName,
    flowId: place.flow,
    functionId: place.task,
    timestamp: new Date().toISOString(),
  };
}

/**
 * The text of an error: what was thrown, its stack, and as the last line `ClassName: reason`, each with a line break at its end. So
 * readers that were written for Python's tracebacks find class and reason in the last line.
 */
export function errorText(error: unknown, most = REASON_LENGTH + STACK_LENGTH): string {
  const reason = wellFormed(reasonOf(error));
  const line = reason.replaceAll(/\s+/g, " ").trim();
  const last = `${classOf(error)}: ${shortened(line, Math.min(REASON_LENGTH, most >> 1))}`;
  const stack = wellFormed(stackOf(error));
  const before = stack.trim() === "" ? reason : stack;
  return `${shortened(before, Math.min(STACK_LENGTH, most >> 1)).trimEnd()}\n${last}\n`;
}

/** The payload column: JSON if the error asks for it and the record could be read, else the message's bytes, one character each. */
export function payloadOf(
  error: unknown,
  delivery: Delivery,
  schema: RecordSchema | undefined,
): string {
  if (schema !== undefined && error instanceof AckError && asksForJson(error)) {
    try {
      // Decoded anew: the function may have changed the record it was given.
      return JSON.stringify(schema.toJson(schema.decode(delivery.body)));
    } catch {
      // What cannot be read goes as bytes.
    }
  }
  return oneCharacterAByte(delivery.body);
}

/**
 * The record as bytes, with its payload cut if they would be more than `most`; then it says so and names the message by its place and
 * the SHA-256 of its bytes.
 */
export async function fittingBody(
  record: ErrorRecord,
  options: {
    encode: (record: ErrorRecord) => Uint8Array;
    most: number;
    delivery: Delivery;
    stream: string;
  },
): Promise<Uint8Array> {
  const { encode, most, delivery, stream } = options;
  const whole = encode(record);
  if (whole.length <= most) return whole;
  const room = most - encode({ ...record, payload: "" }).length - NOTE_RESERVE;
  const sized = (text: string) =>
    encode({ ...record, payload: text }).length - encode({ ...record, payload: "" }).length;
  const characters = [...record.payload.slice(0, Math.max(0, room))];
  // A character takes one byte or more, and what a cut text takes grows with it: the right length is found by halves.
  let low = 0;
  let high = characters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sized(characters.slice(0, middle).join("")) <= room) low = middle;
    else high = middle - 1;
  }
  const kept = characters.slice(0, low).join("");
  const hash = await sha256(delivery.body);
  const note =
    `… [cut: ${kept.length} of ${record.payload.length} characters; message in stream ${stream}, sequence ${delivery.sequence}, ${delivery.body.length} bytes, SHA-256 ${hash}]`;
  return encode({ ...record, payload: kept + note });
}

function asksForJson(error: AckError): boolean {
  try {
    return error.payloadAsJson() === true;
  } catch {
    return false;
  }
}

/** Half a surrogate pair has no bytes. */
function wellFormed(text: string): string {
  return text.toWellFormed();
}

function oneCharacterAByte(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return text;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
