import type { Secret } from "./secret.ts";

/** Shorter pieces of an encoded secret may be anything. */
const LEAST = 6;

/**
 * Takes secrets out of what a server says: some repeat what they were sent. To be used on the text as it came, before it is cut or joined with ours, in which a
 * password such as `minio` may well be an innocent word.
 */
export class SecretMask {
  readonly #pattern?: RegExp;

  /** What is absent or empty is no secret. */
  constructor(secrets: Iterable<Secret | string | undefined>) {
    const texts = [...secrets].map((each) => typeof each === "object" ? each.reveal() : each ?? "");
    const forms = [...new Set(texts.filter((text) => text !== "").flatMap(formsOf))];
    if (forms.length === 0) return;
    forms.sort((a, b) => b.length - a.length);
    // Hex and percent-encodings have letters of either case.
    this.#pattern = new RegExp(forms.map(literal).join("|"), "gi");
  }

  /** The text with `***` for each secret: as it is, escaped for JSON, XML or an address, in hex and in base64. */
  apply(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, "***");
  }
}

function formsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const encoded = [0, 1, 2].map((offset) => base64At(offset, bytes)).filter((text) =>
    text.length >= LEAST
  );
  const whole = base64(bytes);
  return [
    secret,
    encodeURIComponent(secret.toWellFormed()),
    new URLSearchParams([["", secret]]).toString().slice(1),
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;"),
    Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    ...[whole, ...encoded].flatMap((
      text,
    ) => [text, text.replaceAll("+", "-").replaceAll("/", "_")]),
  ];
}

/** The part of a base64 text that belongs to these bytes alone, if so many others (modulo 3) come before them. */
function base64At(offset: number, bytes: Uint8Array): string {
  const after = new Uint8Array(offset + bytes.length);
  after.set(bytes, offset);
  return base64(after).replace(/=+$/, "").slice(Math.ceil(offset * 8 / 6), -1);
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
