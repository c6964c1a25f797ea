import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** How a script is started on each runtime. With the packages of node_modules on both: those that only a bench needs are in no lock file of Deno's. */
export const RUNTIMES = {
  deno: ["deno", "run", "-A", "--no-check", "--quiet", "--no-lock", "--node-modules-dir=manual"],
  bun: ["bun"],
} as const;
export type Runtime = keyof typeof RUNTIMES;
export const RUNTIME_NAMES = Object.keys(RUNTIMES) as Runtime[];

export interface ScriptOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** @default 300_000 */
  readonly limitMs?: number;
  /** Told the process as soon as it is started. */
  readonly started?: (child: ChildProcess) => void;
}

/** What a script of the repository prints as its last line, which has to be JSON. @throws {Error} unless it ends well. */
export async function runScript<T>(
  runtime: Runtime,
  args: readonly string[],
  options: ScriptOptions = {},
): Promise<T> {
  const [command, ...before] = RUNTIMES[runtime];
  const text = await outputOf([command, ...before, ...args], options);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as T;
}

/** Standard output of a command that is started in the repository. @throws {Error} unless it ends with status 0 in time. */
export async function outputOf(
  [command, ...args]: readonly string[],
  { env, limitMs = 300_000, started }: ScriptOptions = {},
): Promise<string> {
  const child = spawn(command!, args, {
    cwd: ROOT,
    env: environment(env),
    stdio: ["ignore", "pipe", "inherit"],
    timeout: limitMs,
    killSignal: "SIGKILL",
  });
  started?.(child);
  const decoder = new TextDecoder();
  let text = "";
  child.stdout.on("data", (part: Uint8Array) => text += decoder.decode(part, { stream: true }));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status === 0) return text;
  throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${text}`);
}

/** That of this process with the programs of node_modules first, and of kflow's variables those given and a log that tells of trouble alone. */
export function environment(
  env: Readonly<Record<string, string>> = {},
): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("KFLOW_"));
  return {
    ...Object.fromEntries(kept),
    PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`,
    NO_COLOR: "1",
    KFLOW_RUNTIME_LOG_LEVEL: "WARNING",
    ...env,
  };
}
