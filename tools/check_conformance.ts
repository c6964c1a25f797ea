import { posix } from "node:path";
import { readConformance } from "./read_conformance.ts";
import { importsOf, type Source } from "./sources.ts";

const TEXTS = /(["'])((?:\\.|(?!\1)[^\\\n])*)\1/g;
const TEMPLATES = /\b(?:describe|it|onBothBrokers)\(\s*`((?:\\.|[^\\`])*)`/g;

/**
 * What is wrong with a document of promises as far as files tell: a row without a test, a file or a name that is not there. That the tests
 * were run and passed is checked after a whole `npm test`.
 */
export function checkConformance(
  text: string,
  sources: readonly Source[],
  document?: string,
): string[] {
  const { rows, problems } = readConformance(text, document);
  const files = new Map(sources.map((source) => [source.path, source]));
  const missing = rows.flatMap(({ document, line, behaviour, tests }) =>
    tests.flatMap(({ file, path }) => {
      const place = `${document}:${line}: "${behaviour}" names`;
      if (!files.has(file)) return [`${place} ${file}, which is not there`];
      const texts = textsOf(withSuites(file, files));
      return path.filter((name) => !texts.some((pattern) => pattern.test(name)))
        .map((name) => `${place} "${name}", which ${file} does not have`);
    })
  );
  return [...problems, ...missing];
}

/** A test file and the suites of other files under tests/ that it runs. */
function withSuites(file: string, files: ReadonlyMap<string, Source>): Source[] {
  const found = new Map<string, Source>();
  const add = (path: string): void => {
    const source = files.get(path);
    if (source === undefined || found.has(path) || !path.startsWith("tests/")) return;
    found.set(path, source);
    for (const { specifier } of importsOf(source)) {
      if (specifier.startsWith(".")) add(posix.join(posix.dirname(path), specifier));
    }
  };
  add(file);
  return [...found.values()];
}

/**
 * What can be a name, each as a pattern: every plain text, because names may stand in tables, and what a template that is itself given as a
 * name may become.
 */
function textsOf(sources: readonly Source[]): RegExp[] {
  return sources.flatMap(({ text }) => [
    ...[...text.matchAll(TEXTS)].map(([, , quoted = ""]) => exactly([quoted])),
    ...[...text.matchAll(TEMPLATES)]
      .map(([, template = ""]) => template.split(/\$\{[^}]*\}/))
      // A template with nothing of its own says nothing about a name.
      .filter((parts) => parts.join("").trim() !== "")
      .map(exactly),
  ]);
}

/** @param parts With anything in between. */
function exactly(parts: readonly string[]): RegExp {
  const literal = parts.map((part) => RegExp.escape(part.replaceAll(/\\(.)/g, "$1")));
  return new RegExp(`^${literal.join(".+")}$`, "s");
}
