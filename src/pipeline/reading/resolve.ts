import { shortened } from "../../base/text/shortened.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Path } from "./places.ts";
import type { Report } from "./findings.ts";

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MAX_NESTING = 8;

/** Where `${…}` takes values from. */
export interface ResolveSources {
  env(name: string): string | undefined;
  /** Absolute path of what a pipeline calls `path`. */
  resolvePath(path: string): string;
  /** Rejects if the file cannot be read. */
  readText(path: string): Promise<string>;
}

export interface Resolved {
  readonly value: unknown;
  /** Whether the text at this path came from `${…}`, at least in part. */
  isExpanded(path: Path): boolean;
}

/**
 * Expands `${VAR}`, `${VAR:-default}` and `${file:/path}` in all string values; keys stay as they are. `$${` stands for a plain `${`.
 * What is put in is not expanded again. A default is used where the variable is unset or empty and may hold `${…}` itself.
 */
export async function resolveValues(
  document: unknown,
  options: { report: Report; sources: ResolveSources },
): Promise<Resolved> {
  const { report, sources } = options;
  const expanded = new Set<string>();

  async function visit(value: unknown, path: Path): Promise<unknown> {
    if (typeof value === "string") {
      if (!value.includes("${")) return value;
      expanded.add(JSON.stringify(path));
      try {
        return await expand(value, sources, 0);
      } catch (error) {
        if (!(error instanceof ExpandError)) throw error;
        report.error(path, error.message);
        return value;
      }
    }
    if (Array.isArray(value)) {
      const items = [];
      for (const [index, item] of value.entries()) items.push(await visit(item, [...path, index]));
      return items;
    }
    if (typeof value === "object" && value !== null) {
      const mapping: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        mapping[key] = await visit(item, [...path, key]);
      }
      return mapping;
    }
    return value;
  }

  const value = await visit(document, []);
  return { value, isExpanded: (path) => expanded.has(JSON.stringify(path)) };
}

/** What is wrong with a `${…}`. The text is shown as it is. */
class ExpandError extends Error {}

async function expand(text: string, sources: ResolveSources, depth: number): Promise<string> {
  if (depth > MAX_NESTING) {
    throw new ExpandError("too many defaults inside defaults; write it simpler");
  }
  let result = "";
  let from = 0;
  while (true) {
    const start = text.indexOf("${", from);
    if (start < 0) return result + text.slice(from);
    if (text[start - 1] === "$" && start > from) {
      result += text.slice(from, start - 1) + "${";
      from = start + 2;
      continue;
    }
    const end = closing(text, start + 2);
    if (end < 0) {
      throw new ExpandError('"${" is not closed; add "}", or write "$${" for a plain "${"');
    }
    result += text.slice(from, start) + await reference(text.slice(start + 2, end), sources, depth);
    from = end + 1;
  }
}

/** Index of the brace that closes what begins before `from`; -1 if there is none. */
function closing(text: string, from: number): number {
  let open = 1;
  for (let index = from; index < text.length; index++) {
    if (text.startsWith("${", index)) open++;
    else if (text[index] === "}" && --open === 0) return index;
  }
  return -1;
}

async function reference(inner: string, sources: ResolveSources, depth: number): Promise<string> {
  if (inner.startsWith("file:")) return await readFile(inner.slice("file:".length), sources);
  const cut = inner.indexOf(":-");
  const name = cut < 0 ? inner : inner.slice(0, cut);
  if (!VARIABLE.test(name)) {
    // What is inside is not quoted: it may be part of a password.
    throw new ExpandError(
      '"${…}" must hold a variable or a file; write ${NAME}, ${NAME:-default} or ${file:/path}, or "$${" for a plain "${"',
    );
  }
  const value = sources.env(name);
  if (cut < 0) {
    if (value !== undefined) return value;
    throw new ExpandError(`variable ${name} is not set; set it, or give a default: \${${name}:-…}`);
  }
  return value !== undefined && value !== ""
    ? value
    : await expand(inner.slice(cut + 2), sources, depth + 1);
}

async function readFile(path: string, sources: ResolveSources): Promise<string> {
  if (path === "" || path.includes("\0")) {
    throw new ExpandError('"${file:}" names no file; write ${file:/path}');
  }
  try {
    // Files with one secret commonly end in a newline that is not part of it.
    return (await sources.readText(sources.resolvePath(path))).replace(/\r?\n$/, "");
  } catch (error) {
    throw new ExpandError(
      `cannot read file ${JSON.stringify(shortened(path, 60))} (${
        reasonOf(error)
      }); check the path and its permissions`,
    );
  }
}
