import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Delivery } from "./broker.ts";

/**
 * Makes the message ids of one output of one task: the same input gives the same id however often it is delivered, and no other
 * input, output or task gives that id (DESIGN.md 5). The input's timestamp is in it because a stream made anew reuses sequences.
 */
export class MessageIds {
  readonly #prefix: string;
  /** What the last id ended with: those of a broker in memory have many in a row with the same timestamp. */
  #timestamp = "";
  #index = -1;
  #tail = "";

  /** @param output The side out's id, or "" for the main output. */
  constructor(place: { flow: string; task: string; output: string; inputStream: string }) {
    const { flow, task, output, inputStream } = place;
    this.#prefix = `${shortHash(`${flow}\n${task}\n${output}\n${inputStream}`)}.`;
  }

  /** @param index Position among the outputs made from this input. */
  of(input: Delivery, index: number): string {
    const { sequence, timestamp } = input;
    if (timestamp !== this.#timestamp || index !== this.#index) {
      this.#timestamp = timestamp;
      this.#index = index;
      this.#tail = `.${timestamp}.${index}`;
    }
    return this.#prefix + sequence + this.#tail;
  }
}

/**
 * The id of a source's record, from whatever names it for good: with the run if listing it again in another run means new work, without
 * if it does not. SHA-256, because object keys come from outside and a collision would lose a record. Computed here and not by
 * `crypto.subtle`, whose way to another thread and back costs far more than the hash of a short text.
 */
export function sourceId(parts: readonly string[]): string {
  const text = parts.map((part) => `${part.length}:${part}`).join("");
  return bytesToHex(sha256(new TextEncoder().encode(text)).subarray(0, 16));
}

/** 64 bits of FNV-1a in two halves. The inputs are a handful of checked names, so speed and length matter and malice does not. */
function shortHash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0xc9dc5811;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ (code + i), 0x01000193);
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}
