import { Buffer } from "node:buffer";

/** Shorter pieces of an encoded secret may be anything. */
const LEAST = 6;

/** Every way in which a secret may be written: as it is, percent-encoded, escaped, in hex, and in base64 wherever it stands in what was encoded. */
export function secretForms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const encoded = [0, 1, 2].map((offset) => {
    // What comes before and after shares characters with it, which are not its own.
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    return text.replace(/=*$/, "").slice(Math.ceil(offset * 8 / 6), -1);
  }).filter((text) => text.length >= LEAST);
  const urlSafe = encoded.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      new URLSearchParams([["", secret]]).toString().slice(1),
      JSON.stringify(secret).slice(1, -1),
      secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;"),
      hex,
      hex.toUpperCase(),
      ...encoded,
      ...urlSafe,
    ]),
  ];
}
