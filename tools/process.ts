import { spawn, spawnSync } from "node:child_process";
import process from "node:process";

export interface CommandOptions {
  /** @default the current folder */
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** After this long the command and all that it started are killed, ms. */
  timeoutMs?: number;
  /** Told every piece of output as it comes. */
  onOutput?: (text: string) => void;
}

export interface CommandResult {
  /** Exit status; 127 if the command could not be started, 128 if a signal ended it. */
  readonly status: number;
  /** Standard output and standard error as they came. */
  readonly output: string;
  readonly timedOut: boolean;
  /** Command lines of processes that it had started and that outlived it; they were killed. */
  readonly leftBehind: readonly string[];
  readonly milliseconds: number;
}

/** Process groups under way, to be ended with this process. */
export class Commands {
  readonly #groups = new Set<number>();

  /** Runs a command in a process group of its own and waits for its end. Never rejects. */
  async run(
    command: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    const started = performance.now();
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const group = child.pid;
    if (group !== undefined) this.#groups.add(group);

    const decoders = [new TextDecoder(), new TextDecoder()];
    let output = "";
    [child.stdout, child.stderr].forEach((stream, index) => {
      stream.on("data", (bytes: Uint8Array) => {
        const text = decoders[index]?.decode(bytes, { stream: true }) ?? "";
        output += text;
        options.onOutput?.(text);
      });
    });

    let timedOut = false;
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => {
      timedOut = true;
      if (group !== undefined) killGroup(group);
    }, options.timeoutMs);

    const status = await new Promise<number>((resolve) => {
      child.on("error", (error) => {
        output += `Cannot start "${command}": ${error.message}\n`;
        resolve(127);
      });
      // Not "close": a process left behind holds the pipes open.
      child.on("exit", (code) => resolve(code ?? 128));
    });
    clearTimeout(timer);
    await drained(child.stdout, child.stderr);

    const leftBehind = group === undefined || timedOut ? [] : await membersOutliving(group);
    if (leftBehind.length > 0 && group !== undefined) killGroup(group);
    child.stdout.destroy();
    child.stderr.destroy();
    if (group !== undefined) this.#groups.delete(group);
    return { status, output, timedOut, leftBehind, milliseconds: performance.now() - started };
  }

  /** Kills everything under way. */
  killAll(): void {
    for (const group of this.#groups) killGroup(group);
  }

  /** Ends this process, and what it runs, at the first signal. */
  endWithSignals(): void {
    for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      process.on(signal, () => {
        this.killAll();
        process.exit(status);
      });
    }
  }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // Already gone.
  }
}

interface EndingStream {
  readonly readableEnded: boolean;
  once(event: "end", listener: () => void): unknown;
}

/** The rest of the output; half a second is enough unless somebody else holds the pipe. */
function drained(...streams: EndingStream[]): Promise<void> {
  const ends = streams.map((stream) =>
    stream.readableEnded
      ? Promise.resolve()
      : new Promise<void>((resolve) => stream.once("end", resolve))
  );
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 500);
    void Promise.all(ends).then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A process that is just ending gets a moment. */
async function membersOutliving(group: number): Promise<string[]> {
  let members = groupMembers(group);
  for (let tries = 0; members.length > 0 && tries < 10; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    members = groupMembers(group);
  }
  return members;
}

/** Living processes of a group. Zombies do not count: in a container nobody may collect them. */
function groupMembers(group: number): string[] {
  try {
    process.kill(-group, 0);
  } catch {
    return [];
  }
  const listing = spawnSync("ps", ["-eo", "pgid=,stat=,args="], { encoding: "utf8" });
  if (listing.status !== 0) return [];
  return listing.stdout.split("\n").flatMap((line) => {
    const [, pgid, stat, args] = line.match(/^\s*(\d+)\s+(\S+)\s+(.*)$/) ?? [];
    return Number(pgid) === group && !stat?.startsWith("Z") && args !== undefined ? [args] : [];
  });
}
