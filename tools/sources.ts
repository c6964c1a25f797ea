import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A TypeScript file of the repository. */
export interface Source {
  /** From the top of the repository, `/` between names. */
  readonly path: string;
  readonly text: string;
  /** The text with the content of its comments, strings and regular expressions blanked out; lines stay where they are. */
  readonly code: string;
}

const FOLDERS = ["src", "adapters", "tests", "tools", "bench", "examples"];

/** All TypeScript files of the repository, sorted by path. */
export async function readSources(root: string): Promise<Source[]> {
  const nested = FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .map((path) => `${folder}/${path.replaceAll("\\", "/")}`);
    } catch {
      return [];
    }
  });
  const top = readdirSync(root, { encoding: "utf8" });
  const paths = [...top, ...nested]
    .filter((path) => path.endsWith(".ts") && !path.includes("node_modules/"))
    .sort();
  return await Promise.all(
    paths.map(async (path) => toSource(path, await readFile(join(root, path), "utf8"))),
  );
}

/** Makes a source of a text. */
export function toSource(path: string, text: string): Source {
  return { path, text, code: blank(text) };
}

// A regular expression is told from a division by what stands before it.
const BLANKED =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|(["'])(?:\\[\s\S]|(?!\1)[^\\\n])*\1|`(?:\\[\s\S]|[^\\`])*`|(?<=(?:^|[(,=:[!&|?{};+\n]|return)[ \t]*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

function blank(text: string): string {
  return text.replaceAll(BLANKED, (part) => {
    if (part.startsWith("`")) return blankTemplate(part);
    const quoted = part.startsWith('"') || part.startsWith("'");
    const inner = quoted ? part.slice(1, -1) : part;
    const blanked = inner.replaceAll(/[^\n]/g, " ");
    return quoted ? part[0] + blanked + part[0] : blanked;
  });
}

/** Expressions inside a template stay code. */
function blankTemplate(template: string): string {
  return template.replaceAll(/\$\{[^{}`]*\}|[^\n]/g, (part) => part.startsWith("${") ? part : " ");
}

export interface Import {
  readonly line: number;
  /** As written: `./x.ts`, `yaml`, `node:fs`. */
  readonly specifier: string;
  /** `import type` and `export type … from`. */
  readonly typeOnly: boolean;
  /** `import("…")`. */
  readonly dynamic: boolean;
}

const IMPORTS =
  /\b(import|export)(\s+type\b(?!\s*(?:,|from\b)))?(?:[\s\w$*{},]*?\bfrom)?\s*(\(\s*)?(["'])(?= *\4)/g;

/** Every import of a source, `export … from` and `import()` with a literal included. */
export function importsOf(source: Source): Import[] {
  const imports: Import[] = [];
  for (const match of source.code.matchAll(IMPORTS)) {
    const [whole, , type, call, quote = '"'] = match;
    const start = match.index + whole.length;
    const end = source.text.indexOf(quote, start);
    imports.push({
      line: source.text.slice(0, match.index).split("\n").length,
      specifier: source.text.slice(start, end),
      typeOnly: type !== undefined,
      dynamic: call !== undefined,
    });
  }
  return imports;
}
