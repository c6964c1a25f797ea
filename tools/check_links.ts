import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { MarkdownFile } from "./markdown_files.ts";

const FENCED = /^( *)(```+|~~~+)[^\n]*\n[\s\S]*?^ *\2 *$/gm;
const INLINE_CODE = /(`+)(?!`)[^\n]*?[^`\n]\1(?!`)/g;
const LINKS = /\]\(<?([^()<>\s]*(?:\([^()\s]*\)[^()<>\s]*)?)>?(?:\s+"[^"]*")?\)/g;
/** `https:`, `mailto:` and the like lead out of the repository. */
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/**
 * Finds links of Markdown files that lead to a file or a heading which does not exist, as `path:line: problem`. Links to other hosts are not
 * followed.
 *
 * @param root Folder of the repository.
 */
export function checkLinks(files: readonly MarkdownFile[], root: string): string[] {
  return files.flatMap((file) =>
    linksOf(file.text).flatMap(({ target, line }) => {
      const problem = problemOf(target, file, root);
      return problem === undefined ? [] : [`${file.path}:${line}: (${target}) ${problem}`];
    })
  );
}

function problemOf(target: string, { path, text }: MarkdownFile, root: string): string | undefined {
  const [name = "", anchor] = target.split("#");
  const linked = name === "" ? path : join(dirname(path), decodeURIComponent(name));
  if (linked.startsWith("..") || name.startsWith("/")) {
    return "leads out of the repository: write a relative path or a whole address";
  }
  if (name !== "" && !existsSync(join(root, linked))) return `leads nowhere: no "${linked}"`;
  if (anchor === undefined || !linked.endsWith(".md")) return undefined;
  const there = name === "" ? text : readFileSync(join(root, linked), "utf8");
  return anchorsOf(there).has(anchor) ? undefined : `leads to no heading of "${linked}"`;
}

interface Link {
  readonly target: string;
  readonly line: number;
}

function linksOf(markdown: string): Link[] {
  const text = withoutCode(markdown);
  return [...text.matchAll(LINKS)]
    .map((match) => ({
      target: match[1]!,
      line: text.slice(0, match.index).split("\n").length,
    }))
    .filter(({ target }) => !SCHEME.test(target));
}

/** Blanks out what is shown as code, because brackets in it are not links. */
function withoutCode(markdown: string): string {
  return markdown
    .replaceAll(FENCED, (block) => block.replaceAll(/[^\n]/g, " "))
    .replaceAll(INLINE_CODE, (code) => code.replaceAll(/[^\n]/g, " "));
}

/** Lists the names that `#…` can lead to in a Markdown file: its headings and `<a id="…">`. */
export function anchorsOf(markdown: string): Set<string> {
  const text = markdown.replaceAll(FENCED, "");
  const ids = [...text.matchAll(/<a id="([^"]*)">/g)].map((match) => match[1]!);
  const anchors = new Set(ids);
  for (const [, heading = ""] of text.matchAll(/^#+ +(.*?) *$/gm)) {
    const base = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = base;
    // GitHub numbers headings of the same text.
    for (let n = 1; anchors.has(anchor); n++) anchor = `${base}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}
