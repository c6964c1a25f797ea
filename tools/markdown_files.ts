import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A Markdown file of the repository. */
export interface MarkdownFile {
  /** From the top of the repository, `/` between names. */
  readonly path: string;
  readonly text: string;
}

/** Files that are the data of an example or of a test, or that others wrote. */
const NOT_OURS = /(^|\/)(node_modules|\.git|dist|data|fixtures|licenses)\//;

/** Reads all Markdown files of the repository that are documents of it, sorted by path. */
export async function readMarkdown(root: string): Promise<MarkdownFile[]> {
  const paths = foldersOf(root)
    .flatMap((folder) => namesIn(join(root, folder)).map((name) => join(folder, name)))
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".md") && !NOT_OURS.test(path))
    .sort();
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(join(root, path), "utf8") })),
  );
}

/** Lists the top folder and those below it, without entering node_modules, which is large. */
function foldersOf(root: string, folder = ""): string[] {
  const below = readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !NOT_OURS.test(`${join(folder, entry.name)}/`))
    .flatMap((entry) => foldersOf(root, join(folder, entry.name)));
  return [folder, ...below];
}

function namesIn(folder: string): string[] {
  return readdirSync(folder, { encoding: "utf8" });
}
