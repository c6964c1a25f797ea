import { basename, dirname } from "node:path/posix";
import type { Source } from "./sources.ts";

const MOST_LINES = 400;
/** A contract suite is one list of cases. */
const MOST_TEST_LINES = 600;
/** Files of one folder of src/, rooms in it not counted. */
const MOST_FILES = 15;
/** Names that say nothing about what is inside. */
const EMPTY_NAMES = /^(utils?|helpers?|types|common|misc|shared|lib)(_test)?\.ts$/;

interface LineRule {
  readonly where: RegExp;
  readonly pattern: RegExp;
  readonly problem: string;
}

const LINE_RULES: readonly LineRule[] = [
  {
    where: /^(src|adapters|tools|tests|bench|examples)\/|^mod\.ts$/,
    pattern: /[:<,|&(]\s*any\b(?!\s*[:(])|\bas\s+any\b/,
    problem: "any: use unknown and check it, or name the type",
  },
  {
    where: /^(src|adapters)\//,
    pattern: /^(export\s+)?(let|var)\s/,
    problem: "module state that changes: keep it in an object that someone owns",
  },
  {
    where: /^(src|adapters|tools)\//,
    pattern: /^\s*(public|private|protected)\s+(?!constructor\b)/,
    problem: "TypeScript visibility: use #private",
  },
  {
    where: /^tests\/.*_test\.ts$/,
    pattern: /\bassert\b.*(\.now\(\) - \w+|\b(took|elapsed)) *</,
    problem: "a test that judges speed: measure it in bench/gate",
  },
  {
    where: /^mod\.ts$/,
    pattern: /^export\s+(type\s+)?\*|^export\s+default\b/,
    problem: "mod.ts names each of its exports",
  },
];

/** What a reader can rely on in every file, as `path:line: problem`. */
export function checkText(sources: readonly Source[]): string[] {
  return [
    ...sources.flatMap((source) => [...checkFile(source), ...checkLines(source)]),
    ...checkFolders(sources),
  ];
}

function checkFolders(sources: readonly Source[]): string[] {
  const inSrc = sources.map(({ path }) => dirname(path)).filter((folder) => /^src\b/.test(folder));
  return [...new Set(inSrc)].flatMap((folder) => {
    const files = inSrc.filter((each) => each === folder).length;
    return files > MOST_FILES
      ? [
        `${folder}: ${files} files; at ${MOST_FILES} look for the second idea and give it a folder`,
      ]
      : [];
  });
}

function checkFile({ path, text }: Source): string[] {
  const problems: string[] = [];
  const name = basename(path);
  const lines = text.trimEnd().split("\n").length;
  const most = path.startsWith("tests/") ? MOST_TEST_LINES : MOST_LINES;
  if (lines > most) {
    problems.push(`${path}: ${lines} lines; at ${most} look for the second idea in it`);
  }
  if (EMPTY_NAMES.test(name)) problems.push(`${path}: a name that says nothing of its content`);
  if (!/^[a-z0-9]+(_[a-z0-9]+)*(\.d)?\.ts$/.test(name)) problems.push(`${path}: not in snake_case`);
  return problems;
}

function checkLines({ path, code }: Source): string[] {
  const rules = LINE_RULES.filter(({ where }) => where.test(path));
  return code.split("\n").flatMap((line, index) =>
    rules.filter(({ pattern }) => pattern.test(line))
      .map(({ problem }) => `${path}:${index + 1}: ${problem}`)
  );
}
