import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const REQUIREMENTS = "bench/requirements.txt";

/** Path of a Python that has what the Python worker needs. The first time it is put together, with pip, in a folder of the user's cache. */
export async function pythonFor(say: (line: string) => void): Promise<string> {
  const digest = createHash("sha256").update(await readFile(REQUIREMENTS)).digest("hex");
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "kflow-bench");
  const folder = join(cache, `python-${digest.slice(0, 12)}`);
  const program = join(folder, "bin", "python");
  const complete = join(folder, "complete");
  if (await exists(complete)) return program;
  say(`Installing ${REQUIREMENTS} in ${folder}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  await runProgram("python3", ["-m", "venv", folder]);
  await runProgram(program, ["-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]);
  await mkdir(complete);
  return program;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}

function runProgram(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${command} ${args.join(" ")} ended with ${status}`));
    });
  });
}
