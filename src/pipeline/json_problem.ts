/** Where a text stops being JSON (RFC 8259), counted from 1; undefined if all of it is JSON. The messages of runtimes differ and some give no place. */
export function findJsonProblem(text: string): { line: number; column: number } | undefined {
  const scanner = new Scanner(text);
  if (scanner.document()) return undefined;
  const before = text.slice(0, scanner.offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

const LITERAL = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
// deno-lint-ignore no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;

/** Moves over what is right; `offset` stays at the first thing that is not. */
class Scanner {
  offset = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  document(): boolean {
    if (!this.#value(0)) return false;
    this.#take(SPACE);
    return this.offset === this.#text.length;
  }

  #value(depth: number): boolean {
    this.#take(SPACE);
    if (depth > 500) return false;
    if (this.#text[this.offset] === "{") return this.#items("}", () => this.#member(depth));
    if (this.#text[this.offset] === "[") return this.#items("]", () => this.#value(depth + 1));
    return this.#take(STRING) || this.#take(LITERAL);
  }

  #items(close: string, item: () => boolean): boolean {
    this.offset++;
    if (this.#sign(close)) return true;
    do {
      if (!item()) return false;
    } while (this.#sign(","));
    return this.#sign(close);
  }

  #member(depth: number): boolean {
    this.#take(SPACE);
    return this.#take(STRING) && this.#sign(":") && this.#value(depth + 1);
  }

  #sign(sign: string): boolean {
    this.#take(SPACE);
    if (this.#text[this.offset] !== sign) return false;
    this.offset++;
    return true;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.offset;
    const match = pattern.exec(this.#text);
    if (!match) return false;
    this.offset = pattern.lastIndex;
    return true;
  }
}
