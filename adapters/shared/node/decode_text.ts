import { firstNotUtf8 } from "../../../src/base/text/first_not_utf8.ts";

const LINE_BREAK = 10;

/**
 * Decodes a file that has to be UTF-8. Other bytes would become replacement characters, and a name with them is that of nothing.
 * @throws {Error} that says what it is instead, and in which line and at which byte.
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new Error("it is UTF-16; save it as UTF-8");
  }
  const wrong = firstNotUtf8(bytes);
  if (wrong !== undefined) {
    const line = lineOf(bytes, wrong);
    throw new Error(
      `line ${line} is not UTF-8 (at byte ${wrong}, counted from 0); save it as UTF-8`,
    );
  }
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    throw new Error(`line ${lineOf(bytes, nul)} has a NUL character; save it as UTF-8 text`);
  }
  return new TextDecoder().decode(bytes);
}

function lineOf(bytes: Uint8Array, at: number): number {
  let line = 1;
  for (const byte of bytes.subarray(0, at)) if (byte === LINE_BREAK) line++;
  return line;
}
