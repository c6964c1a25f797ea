import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { freePort } from "./free_port.ts";

const POLL_MS = 20;
const TRIES = 5;
const KILL_AFTER_MS = 5_000;
/** As NATS, MinIO and Java say it. */
const IN_USE = /address already in use|port is already in use|failed to bind/i;

/** Another program took the port between the moment it was found free and the start. */
export class PortTaken extends Error {}

export interface ServerStart {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take, ms. */
  readonly withinMs: number;
  /**
   * Whether it does everything that tests ask of it, not only listen.
   * @param output What it has printed.
   * @throws {PortTaken} if it listens on another port than it was told.
   */
  isReady(output: string): Promise<boolean>;
}

/** The process of one server, which can be started again after its end. */
export class ServerProcess {
  #child?: ChildProcess;

  /** 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** @throws {PortTaken} if it ended because its port is in use. */
  async start({ command, args, env, withinMs, isReady }: ServerStart): Promise<void> {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#child = child;
    let failure: Error | undefined;
    child.once("error", (error) => failure = error);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      const decoder = new TextDecoder();
      stream.on("data", (bytes: Uint8Array) => {
        output = (output + decoder.decode(bytes, { stream: true })).slice(-8_000);
      });
    }
    const deadline = performance.now() + withinMs;
    // A server that could not have its port says so before it ends.
    const hasFailed = () => failure !== undefined || child.exitCode !== null || IN_USE.test(output);
    // After the question too: another server may have given the answer.
    while (hasFailed() || !await this.#asked(isReady, output) || hasFailed()) {
      if (hasFailed() || performance.now() > deadline) {
        const why = failure?.message ?? (hasFailed() ? "it has ended" : "it does not answer");
        await this.end("SIGKILL");
        const text = `Cannot start ${command} ${args.join(" ")}: ${why}\n${output}`;
        throw IN_USE.test(output) ? new PortTaken(text) : new Error(text);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #asked(isReady: ServerStart["isReady"], output: string): Promise<boolean> {
    try {
      return await isReady(output);
    } catch (error) {
      await this.end("SIGKILL");
      throw error;
    }
  }

  /** Resolves when the process is gone. Safe to call twice. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    await gone;
    clearTimeout(timer);
  }
}

/** Calls `start` with free ports, and again with others while one of them turns out to be taken. */
export async function onFreePorts<T>(
  count: number,
  start: (...ports: number[]) => Promise<T>,
  find: () => Promise<number> = freePort,
): Promise<T> {
  for (let tried = 1;; tried++) {
    const ports = new Set<number>();
    while (ports.size < count) ports.add(await find());
    try {
      return await start(...ports);
    } catch (error) {
      if (!(error instanceof PortTaken) || tried === TRIES) throw error;
    }
  }
}
