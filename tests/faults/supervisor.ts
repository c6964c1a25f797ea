import assert from "node:assert/strict";
import type { Command, CommandEnd } from "../support/commands/command.ts";
import { type Runtime, RUNTIMES } from "../support/runtimes.ts";
import type { Random } from "./random.ts";

/** What a shell says of SIGTERM. */
const EVICTED = 143;

/** Keeps workers of every task running until each task is finished, whatever becomes of them. */
export class Supervisor {
  readonly #start: (task: string, runtime: Runtime) => Command;
  readonly #random: Random;
  readonly #withinMs: number;
  readonly #statuses: readonly number[];
  readonly #alive = new Set<Command>();
  readonly #evicted = new Set<Command>();
  readonly #failed: string[] = [];
  kills = 0;

  /**
   * @param options.withinMs A worker that lives longer than that is a failure.
   * @param options.statuses With which a worker may end: 1 where there are dead letters. @default only 0
   */
  constructor(options: {
    readonly start: (task: string, runtime: Runtime) => Command;
    readonly random: Random;
    readonly withinMs: number;
    readonly statuses?: readonly number[];
  }) {
    this.#start = options.start;
    this.#random = options.random;
    this.#withinMs = options.withinMs;
    this.#statuses = options.statuses ?? [0];
  }

  /** Resolves when there is no worker any more. Rejects if one ended with an error. */
  async keep(tasks: readonly string[]): Promise<void> {
    await Promise.all(tasks.map((task) => this.#keepOne(task)));
    assert.deepEqual(this.#failed, []);
  }

  get isOver(): boolean {
    return this.#failed.length > 0 || this.#alive.size === 0;
  }

  /** Ends a worker. */
  kill(): void {
    if (this.#signalOne("SIGKILL") !== undefined) this.kills++;
  }

  /** Asks a worker to stop, as a node does that is emptied: it has to end with 143 before its task is finished. */
  evict(): void {
    const command = this.#signalOne("SIGTERM");
    if (command !== undefined) this.#evicted.add(command);
  }

  #signalOne(signal: "SIGKILL" | "SIGTERM"): Command | undefined {
    const commands = [...this.#alive];
    if (commands.length === 0) return undefined;
    const command = this.#random.pick(commands);
    command.signal(signal);
    return command;
  }

  async #keepOne(task: string): Promise<void> {
    for (;;) {
      const command = this.#start(task, this.#random.pick(RUNTIMES));
      this.#alive.add(command);
      const end: CommandEnd = await command.end(this.#withinMs);
      this.#alive.delete(command);
      if (this.#statuses.includes(end.status ?? -1)) return;
      if (end.status === EVICTED && this.#evicted.has(command)) continue;
      if (end.signal !== "SIGKILL") {
        return void this.#failed.push(`${task}: ${end.status} ${end.stderr}`);
      }
    }
  }
}
