import { type ChildProcess, spawn } from "node:child_process";
import type { Result } from "./setting.ts";

const LIMIT_MS = 300_000;

/** One process of a contender: says that it is ready, begins at a word, and prints its result as its last line. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #text = "";

  constructor([command, ...args]: readonly string[]) {
    this.#name = `${command} ${args.join(" ")}`;
    // Either may fail before anybody waits for it.
    for (const { promise } of [this.#ready, this.#ended]) void promise.catch(() => {});
    const child = spawn(command!, args, { stdio: ["pipe", "pipe", "inherit"], timeout: LIMIT_MS });
    this.#child = child;
    // Whoever is gone shows it by its end.
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      this.#text += part;
      if (this.#text.startsWith("ready\n")) this.#ready.resolve();
    });
    child.on("error", (error) => this.#fail(error.message));
    child.on("close", (status, signal) => {
      if (status === 0) this.#ended.resolve();
      else this.#fail(`ended with ${status ?? signal}`);
    });
  }

  /** Resolves when it is ready. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  go(): void {
    this.#child.stdin?.write("go\n");
  }

  async result(): Promise<Result> {
    await this.#ended.promise;
    return JSON.parse(this.#text.trim().split("\n").at(-1)!);
  }

  /** Ends it, however far it is. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #fail(why: string): void {
    const error = new Error(`${this.#name}: ${why}`);
    this.#ready.reject(error);
    this.#ended.reject(error);
  }
}
