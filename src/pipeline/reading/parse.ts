import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type Scalar,
  type YAMLError,
  YAMLParseError,
} from "yaml";
import { formatPath, type Path, type Place, type Places } from "./places.ts";
import type { Report } from "./findings.ts";
import { MAX_BYTES, MAX_DEPTH, MAX_VALUES, TOO_MUCH } from "./size_limits.ts";

/** Collections and values open at once where the library has no tree yet: more than `MAX_DEPTH` levels ever need. */
const MAX_OPEN = 4 * MAX_DEPTH;
const MAX_SYNTAX_ERRORS = 10;
const KNOWN_TAGS = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/;

/**
 * Reads YAML 1.2 (core schema) into plain values and notes in `report.places` where each was written.
 * Returns undefined when mistakes of the syntax were reported.
 */
export function parsePipeline(content: string, report: Report): unknown {
  const text = content.replace(/^\ufeff/, "");
  report.places.set([], { file: report.places.file, line: 1, column: 1 });
  const bytes = text.length > MAX_BYTES ? text.length : new TextEncoder().encode(text).length;
  if (bytes > MAX_BYTES) {
    report.add({
      file: report.places.file,
      problem: `too large (over ${MAX_BYTES} bytes)`,
      hint: "move what is not configuration into files of its own",
    });
    return undefined;
  }
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file: report.places.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const tokens = tokensOf(text, lines);
  if (tokens === undefined) {
    report.error([], TOO_MUCH);
    return undefined;
  }
  const document = documentOf(tokens, text.length);
  const mistakes = [...document.errors, ...document.warnings].toSorted((a, b) =>
    a.pos[0] - b.pos[0]
  );
  if (mistakes.length > 0) {
    for (const mistake of mistakes.slice(0, MAX_SYNTAX_ERRORS)) {
      const { problem, hint } = explain(mistake);
      report.add({ ...place(mistake.pos[0]), problem, ...(hint && { hint }) });
    }
    return undefined;
  }
  const reader = new Reader({ place, report });
  const value = reader.read(document.contents, [], 0);
  if (reader.isTooLarge) return undefined;
  if (value === null || value === undefined) {
    if (!report.hasErrors) report.error([], "document is empty; expected a mapping with 'dag'");
    return undefined;
  }
  return value;
}

/** Undefined where it is so deep that the library, which makes a tree of it by calling itself, would end or not as the stack happens to be. */
function tokensOf(text: string, lines: LineCounter): CST.Token[] | undefined {
  const tokens: CST.Token[] = [];
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > MAX_OPEN) return undefined;
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

function documentOf(tokens: readonly CST.Token[], length: number): Document.Parsed {
  const composer = new Composer({
    schema: "core",
    version: "1.2",
    merge: false,
    prettyErrors: false, // they quote the source, passwords included
    logLevel: "error",
    uniqueKeys: false, // takes a minute for 60,000 keys; the reader below checks it, with the line of the first
  });
  const [document, second] = [...composer.compose(tokens, true, length)];
  if (second !== undefined) {
    const [from, to] = second.range;
    document!.errors.push(new YAMLParseError([from, to], "MULTIPLE_DOCS", "more than one"));
  }
  return document!;
}

/** yaml's own words, but for codes whose text would quote what may be a password. */
function explain(mistake: YAMLError): { problem: string; hint?: string } {
  switch (mistake.code) {
    case "TAG_RESOLVE_FAILED":
      return {
        problem: "tags are not supported",
        hint: "write the value without a tag, or in quotes",
      };
    case "MULTIPLE_DOCS":
      return { problem: "more than one document", hint: "write one pipeline a file, without ---" };
    case "BAD_DIRECTIVE":
      return { problem: "bad directive", hint: "remove the line that begins with %" };
    case "BAD_DQ_ESCAPE":
      return {
        problem: "bad escape sequence in a text in double quotes",
        hint: 'write "\\\\" for a backslash, or use single quotes',
      };
    case "TAB_AS_INDENT":
      return { problem: "Tabs are not allowed as indentation", hint: "use spaces" };
    default:
      return { problem: mistake.message.replace(/((?<=\w): .*|\.)$/s, "").split("\n")[0]! };
  }
}

interface ReaderOptions {
  place: (offset: number) => Place;
  report: Report;
}

class Reader {
  readonly #place: (offset: number) => Place;
  readonly #report: Report;
  readonly #places: Places;
  /** By name: the library looks through the whole document for each alias. */
  readonly #anchors = new Map<string, Node>();
  #values = 0;
  isTooLarge = false;

  constructor(options: ReaderOptions) {
    this.#place = options.place;
    this.#report = options.report;
    this.#places = options.report.places;
  }

  read(node: Node | null | undefined, path: Path, depth: number): unknown {
    if (!node) return null;
    if (depth > MAX_DEPTH || ++this.#values > MAX_VALUES) {
      if (!this.isTooLarge) {
        this.#report.error([], TOO_MUCH);
      }
      this.isTooLarge = true;
      return null;
    }
    if (isAlias(node)) {
      const anchored = this.#anchors.get(node.source);
      if (anchored) return this.read(anchored, path, depth + 1);
      this.#report.error(
        path,
        "alias without an anchor before it; put a text that begins with * in quotes",
      );
      return null;
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined && !KNOWN_TAGS.test(node.tag)) {
      this.#report.error(path, "tags are not supported; write the value without a tag");
      return null;
    }
    if (isScalar(node)) return this.#scalar(node, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const inner = [...path, index];
        const at = this.#at(item as Node | null, path);
        this.#places.set(inner, at);
        return this.read(item as Node | null, inner, depth + 1);
      });
    }
    return isMap(node) ? this.#mapping(node.items, path, depth) : null;
  }

  #mapping(
    items: readonly { key: unknown; value: unknown }[],
    path: Path,
    depth: number,
  ): Record<string, unknown> {
    const mapping: Record<string, unknown> = {};
    for (const { key, value } of items) {
      if (!isScalar(key) || key.value === null) {
        this.#report.error(path, "a key must be plain text");
        continue;
      }
      const name = typeof key.value === "string" ? key.value : key.source ?? String(key.value);
      const inner = [...path, name];
      const at = this.#at(key, path);
      if (Object.hasOwn(mapping, name)) {
        const first = this.#places.of(inner, "key").line;
        this.#report.add({
          ...at,
          path: formatPath(inner),
          problem: "Map keys must be unique",
          hint: `the first "${name}" is at line ${first}`,
        });
        continue;
      }
      const node = value as Node | null;
      this.#places.set(inner, at, node && hasText(node) ? this.#at(node, inner) : at);
      if (name === "<<") {
        this.#report.error(inner, "merge keys are not supported; write the keys out", "key");
      } else if (name === "__proto__") {
        this.#report.error(inner, "this key is not allowed", "key");
      } else {
        mapping[name] = this.read(node, inner, depth + 1);
      }
    }
    return mapping;
  }

  #scalar(node: Scalar, path: Path): unknown {
    const { value, source } = node;
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "number" && source !== undefined && /^[-+]?0[0-9]/.test(source)) {
      this.#report.error(
        path,
        `ambiguous number ${source}, which some read as octal; write it without leading zeros, or in quotes if it is text`,
      );
    }
    return value;
  }

  #at(node: Node | null, path: Path): Place {
    return node?.range ? this.#place(node.range[0]) : this.#places.of(path);
  }
}

/** False for `key:` with nothing after it, whose place is that of the key. */
function hasText(node: Node): boolean {
  return !(isScalar(node) && node.value === null && node.source === "");
}
