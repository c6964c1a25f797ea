/**
 * What a terminal takes for a command or what makes a line look like another one: control characters (C0 but for tab and line feed, DEL, C1), line and paragraph separators, marks that change the
 * direction of text, and the byte order mark.
 */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
const ALL_UNSAFE = new RegExp(UNSAFE, "g");

/** Text that no terminal understands as more than text: what is unsafe in it is written as `\u001b`, which in JSON means the same. */
export function printable(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replaceAll(ALL_UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** The same as one line, without line breaks. */
export function printableLine(text: string): string {
  return printable(text.replaceAll(/\r?\n/g, " | "));
}
