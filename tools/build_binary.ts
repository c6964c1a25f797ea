import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Commands } from "./process.ts";
import { NOTICES, writeNotices } from "./write_notices.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUILD_LIMIT_MS = 300_000;
/** The second is what runs in a Web Worker: it has to be in the binary as an entry of its own. */
const ENTRIES = ["mod.ts", "adapters/bun/thread_entry.ts"];

/**
 * Makes one file that runs kflow with nothing else installed. Its code is not minified, because error records name classes. Files of the folder it is started in say nothing to it: neither `.env` nor
 * `bunfig.toml` is read. What has to go with it, licences and the bill of materials, is written beside it.
 * @param target Path of the file.
 * @throws {Error} with what the compiler says.
 */
export async function buildBinary(target: string, commands: Commands): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const commit = JSON.stringify(await commitOf(commands));
  const { status, output } = await commands.run("bun", [
    "build",
    "--compile",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    `--define=BUILD_COMMIT=${commit}`,
    `--outfile=${target}`,
    ...ENTRIES,
  ], { cwd: ROOT, timeoutMs: BUILD_LIMIT_MS });
  if (status !== 0) throw new Error(`Cannot build the binary:\n${output}`);
  await writeNotices(dirname(target));
}

/** The commit that is checked out, with `-changed` if files differ from it; "unknown" outside a repository. */
export async function commitOf(commands: Commands): Promise<string> {
  const git = (...args: string[]) => commands.run("git", args, { cwd: ROOT, timeoutMs: 10_000 });
  const { status, output } = await git("rev-parse", "--short=12", "HEAD");
  if (status !== 0) return "unknown";
  const changed = (await git("status", "--porcelain", "--untracked-files=no")).output.trim() !== "";
  return output.trim() + (changed ? "-changed" : "");
}

if (import.meta.main) {
  // The programs of node_modules come first even without npm.
  process.env.PATH = `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`;
  const commands = new Commands();
  commands.endWithSignals();
  const target = join(ROOT, "dist", "kflow");
  try {
    await buildBinary(target, commands);
    console.log(`Built ${target}, with ${NOTICES.join(", ")} beside it`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
