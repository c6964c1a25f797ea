import type { Delivery, Headers } from "../../broker/broker.ts";
import { base64 } from "../../base/text/base64.ts";
import { joinChunks } from "../../base/data/body_chunks.ts";
import { type DeathNotice, noticeHeaders } from "./death_notice.ts";

/** One message of a dead letter, ready to publish. */
export interface DeadLetterMessage {
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** The first line of a header block, the id and the line ends. */
const FRAME_BYTES = 300;
/** A part carries at least this much, even if the headers leave less. */
const LEAST_PART_BYTES = 128;
const NAME = /^[!-9;-~]+$/;
const BAD_VALUE = /[\0\r\n\uFFFD]/;
const ENCODER = new TextEncoder();

/**
 * Makes what is stored of a message that is given up, for all bytes and headers: its body, its headers, and headers that say why. Headers that no client may send, or
 * that ours would replace, are in `Kflow-Headers-Base64` as the block that the broker had.
 *
 * A message that does not fit with all of this becomes several: `Kflow-Part` counts them, and their bodies in order are the header block, `Kflow-Headers-Bytes`
 * long, and the body.
 */
export function deadLetterMessages(
  delivery: Delivery,
  notice: DeathNotice,
  maxPayload: number,
): DeadLetterMessage[] {
  const own = noticeHeaders(delivery, notice);
  const given = delivery.headers();
  const block = delivery.headerBlock?.() ?? blockOf(given);
  const headers: Record<string, string> = { ...sendable(given), ...own };
  if (!isWhole(given, block, own)) headers["Kflow-Headers-Base64"] = base64(block);
  if (sizeOf(headers) + delivery.body.length <= maxPayload) {
    return [{ headers, body: delivery.body }];
  }
  return parts(joinChunks([block, delivery.body]), {
    headers: { ...own, "Kflow-Headers-Bytes": String(block.length) },
    maxPayload,
  });
}

function parts(
  content: Uint8Array,
  { headers, maxPayload }: { headers: Headers; maxPayload: number },
): DeadLetterMessage[] {
  const each = Math.max(LEAST_PART_BYTES, maxPayload - sizeOf(headers));
  const count = Math.max(1, Math.ceil(content.length / each));
  return Array.from({ length: count }, (_, index) => ({
    headers: { ...headers, "Kflow-Part": `${index + 1}/${count}` },
    body: content.subarray(index * each, (index + 1) * each),
  }));
}

function sendable(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => NAME.test(name) && !BAD_VALUE.test(value)),
  );
}

/** Whether the headers as they can be sent say all that the block says. */
function isWhole(given: Headers, block: Uint8Array, own: Headers): boolean {
  const names = Object.keys(given);
  if (names.some((name) => Object.hasOwn(own, name))) return false;
  if (names.length !== Object.keys(sendable(given)).length) return false;
  // A header that stands twice has two lines.
  const lines = new TextDecoder().decode(block).split("\r\n").slice(1);
  return lines.filter((line) => line !== "").length === names.length;
}

/** The same for a broker that keeps headers as names and values, behind an empty first line. */
function blockOf(headers: Headers): Uint8Array {
  const entries = Object.entries(headers);
  if (entries.length === 0) return new Uint8Array();
  const lines = entries.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return ENCODER.encode(`\r\n${lines}\r\n`);
}

function sizeOf(headers: Headers): number {
  let size = FRAME_BYTES;
  for (const [name, value] of Object.entries(headers)) {
    size += ENCODER.encode(name).length + ENCODER.encode(value).length + 4;
  }
  return size;
}
