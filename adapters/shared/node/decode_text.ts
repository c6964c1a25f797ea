/**
 * The text of a file that has to be UTF-8. Other bytes would become replacement characters, and a name with them is that of nothing.
 * @throws {Error} that says what it is instead, and in which line and at which byte.
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new Error("it is UTF-16; save it as UTF-8");
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const at = text.indexOf("\0");
    if (at < 0) return text;
    throw new Error(`line ${lineOf(text, at)} has a NUL character; save it as UTF-8 text`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const text = new TextDecoder().decode(bytes);
    const at = firstWrong(text, bytes);
    const mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const offset = mark + new TextEncoder().encode(text.slice(0, at)).length;
    throw new Error(
      `line ${lineOf(text, at)} is not UTF-8 (at byte ${offset}, counted from 0); save it as UTF-8`,
    );
  }
}

/** Where the text that was decoded leniently is not what the bytes say: at its first replacement character that is none in the file. */
function firstWrong(text: string, bytes: Uint8Array): number {
  const encoder = new TextEncoder();
  for (let at = text.indexOf("\ufffd"); at >= 0; at = text.indexOf("\ufffd", at + 1)) {
    const end = encoder.encode(text.slice(0, at + 1)).length;
    if (bytes[end - 3] !== 0xef || bytes[end - 2] !== 0xbf || bytes[end - 1] !== 0xbd) return at;
  }
  return text.length;
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
