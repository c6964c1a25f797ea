import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { recordLogged } from "../run_record.ts";
import { OWN_RUNTIME, type Runtime } from "../runtimes.ts";

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const END_MS = 45_000;

export interface CommandOptions {
  /** @default the test's own */
  runtime?: Runtime;
  cwd?: string;
  /** `KFLOW_*` variables of the test's own environment are not handed on. */
  env?: Readonly<Record<string, string>>;
  /** A program other than kflow's own, by its path in the repository. @default "mod.ts" */
  main?: string;
  /** Gives it a terminal of this size, by Linux' `script`: all that it prints is standard output then. @default none */
  terminal?: { readonly columns: number; readonly rows: number };
  /** Path of a program to run instead, with `env` as its whole environment. */
  binary?: string;
  /** How Deno starts it. @default ["run"] */
  deno?: readonly string[];
  /** What Deno permits. @default ["-A"] */
  permissions?: readonly string[];
  /** This stream is not read before `read()`, so that the pipe fills up. */
  unread?: "stdout" | "stderr";
}

export interface CommandEnd {
  /** Undefined if a signal ended it. */
  readonly status: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** One `kflow …` as a process of its own. */
export class Command {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<void>;
  readonly #decoders: Record<"stdout" | "stderr", TextDecoder>;
  readonly #watchers = new Set<() => void>();
  #isExited = false;
  #isOver = false;
  #status?: number;
  #signal?: string;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const runtime = options.runtime ?? OWN_RUNTIME;
    const main = options.main ?? "mod.ts";
    const { binary } = options;
    this.#name = `${binary ?? `${runtime} ${main}`} ${args.join(" ")}`;
    const before = binary === undefined ? beforeArguments(runtime, main, options) : [];
    const line = [binary ?? program(runtime), ...before, ...args];
    const [command, ...rest] = options.terminal ? onTerminal(line, options.terminal) : line;
    const child = spawn(command!, rest, {
      cwd: options.cwd,
      env: { ...(binary === undefined && cleanEnvironment()), ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    for (const name of ["stdout", "stderr"] as const) {
      if (options.unread !== name) this.#read(name);
    }
    this.#ended = new Promise<void>((resolve) => {
      child.once("error", (error) => {
        this.stderr += `Cannot start ${this.#name}: ${error.message}`;
        resolve();
      });
      child.once("exit", () => this.#isExited = true);
      child.once("close", (status, signal) => {
        this.#status = status ?? undefined;
        this.#signal = signal ?? undefined;
        resolve();
      });
    }).then(() => {
      this.#isOver = true;
      recordLogged(this.output);
      this.#changed();
    });
  }

  /** Whether the process is gone, though its output may not be read to its end. */
  get isExited(): boolean {
    return this.#isExited;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Standard output and standard error. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** Resolves when the output has `count` matches. Fails at the command's end or the deadline. */
  async sees(pattern: RegExp | string, count = 1, withinMs = END_MS): Promise<void> {
    const all = new RegExp(typeof pattern === "string" ? RegExp.escape(pattern) : pattern, "g");
    await this.#until(
      () => (this.output.match(all) ?? []).length >= count,
      `${count} × ${all.source}`,
      withinMs,
    );
  }

  /** Resolves at the end of the process and of its output. Fails at the deadline. */
  async end(withinMs = END_MS): Promise<CommandEnd> {
    await this.#until(() => this.#isOver, "its end", withinMs);
    const { stdout, stderr } = this;
    return { status: this.#status, signal: this.#signal, stdout, stderr };
  }

  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    // After `child.kill` Deno reports this signal as the end, whatever status the process ended with.
    if (!this.#isOver && this.#child.pid !== undefined) process.kill(this.#child.pid, name);
  }

  /** Reads from now on what was unread. */
  read(name: "stdout" | "stderr" = "stdout"): void {
    this.#read(name);
  }

  /** As `head` does when it has seen enough. */
  closeStdout(): void {
    this.#child.stdout?.destroy();
  }

  /** Ends the process, however far it is. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#ended;
  }

  #read(name: "stdout" | "stderr"): void {
    this.#child[name]?.on("data", (bytes: Uint8Array) => {
      this[name] += this.#decoders[name].decode(bytes, { stream: true });
      this.#changed();
    });
  }

  async #until(isSo: () => boolean, what: string, withinMs: number): Promise<void> {
    if (isSo()) return;
    let watcher: (() => void) | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (why: string) =>
          reject(new Error(`${this.#name}: ${why} before ${what}\n${this.output}`));
        timer = setTimeout(() => fail(`${withinMs} ms passed`), withinMs);
        watcher = () => {
          if (isSo()) resolve();
          else if (this.#isOver) fail("it ended");
        };
        this.#watchers.add(watcher);
      });
    } finally {
      clearTimeout(timer);
      if (watcher !== undefined) this.#watchers.delete(watcher);
    }
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** The commands of one test file: ends what is left, and knows all that was printed. */
export class CommandLine {
  readonly #commands: Command[] = [];

  start(args: readonly string[], options?: CommandOptions): Command {
    const command = new Command(args, options);
    this.#commands.push(command);
    return command;
  }

  /** Starts, and waits for the end. */
  async run(args: readonly string[], options?: CommandOptions): Promise<CommandEnd> {
    return await this.start(args, options).end();
  }

  /** Everything that any command of this file has printed. */
  get output(): string {
    return this.#commands.map((command) => command.output).join("\n");
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#commands.map((command) => command.kill()));
  }
}

function onTerminal(
  line: readonly string[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string[] {
  const quoted = line.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const sized = `stty cols ${columns} rows ${rows}; exec ${quoted}`;
  return ["script", "--quiet", "--return", "--command", sized, "/dev/null"];
}

function program(runtime: Runtime): string {
  return runtime === OWN_RUNTIME ? process.execPath : runtime;
}

/** Without a lock file, so that tests change nothing in the repository, and with its packages as they are. */
function beforeArguments(
  runtime: Runtime,
  main: string,
  { deno = ["run"], permissions = ["-A"] }: CommandOptions,
): string[] {
  const path = join(ROOT, main);
  return runtime === "deno"
    ? [...deno, ...permissions, "--no-lock", "--node-modules-dir=manual", path]
    : [path];
}

function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("KFLOW_"));
  return {
    ...Object.fromEntries(kept),
    PATH: `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`,
    NO_COLOR: "1",
  };
}
