/** First bytes of the formats that have a signature. */
const SIGNATURES: readonly (readonly [mediaType: string, signature: string])[] = [
  ["image/png", "\x89PNG\r\n\x1a\n"],
  ["image/gif", "GIF8"],
  ["application/pdf", "%PDF-"],
  ["application/gzip", "\x1f\x8b"],
  ["application/zip", "PK\x03\x04"],
];

/** What kind of document this is, by its content: names lie. */
export function mediaTypeOf(content: Uint8Array, text: string | undefined): string {
  if (content.length === 0) return "application/x-empty";
  const start = String.fromCharCode(...content.subarray(0, 12));
  if (start.startsWith("RIFF") && start.endsWith("WAVE")) return "audio/wav";
  const known = SIGNATURES.find(([, signature]) => start.startsWith(signature));
  if (known) return known[0];
  return text === undefined ? "application/octet-stream" : textTypeOf(text);
}

/** The content as text; undefined if it is none: empty, binary, or not UTF-8. */
export function textOf(content: Uint8Array): string | undefined {
  if (content.length === 0 || content.includes(0)) return undefined;
  const start = String.fromCharCode(...content.subarray(0, 5));
  if (start === "%PDF-") return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

function textTypeOf(text: string): string {
  if (/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)*<svg[\s>]/.test(text)) return "image/svg+xml";
  if (isJson(text)) return "application/json";
  if (isTable(text)) return "text/csv";
  if (/^#{1,6} \S/m.test(text)) return "text/markdown";
  return "text/plain";
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** At least two lines, all with the same number of separators outside quotes. */
function isTable(text: string): boolean {
  const rows = text.trimEnd().replaceAll(/"(?:[^"]|"")*"/g, "").split("\n");
  return [",", ";", "\t"].some((separator) => {
    const columns = rows.map((row) => row.split(separator).length);
    return rows.length > 1 && columns[0]! > 1 && columns.every((count) => count === columns[0]);
  });
}
