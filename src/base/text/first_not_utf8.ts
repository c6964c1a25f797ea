/** Finds the first byte that belongs to no UTF-8 sequence; undefined if all of it is UTF-8. */
export function firstNotUtf8(bytes: Uint8Array): number | undefined {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let at = 0;
  for (const char of text) {
    // The decoder puts this character for what is wrong; the text may also have it by right.
    if (char === "\ufffd" && !isReplacement(bytes, at)) return at;
    at += lengthOf(char.codePointAt(0)!);
  }
  return undefined;
}

function isReplacement(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd;
}

function lengthOf(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}
