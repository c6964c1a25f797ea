import { readFile } from "node:fs/promises";

const LOOK_MS = 100;

/** Watches how much memory a process has had resident at most, in bytes, until it is gone. Linux keeps that figure itself, so that nothing is missed between two looks. */
export class PeakMemory {
  #bytes = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(pid: number) {
    this.#timer = setInterval(() => void this.#look(pid), LOOK_MS);
  }

  /** Ends the watching. @throws {Error} if nothing was seen, as on systems without /proc */
  stop(): number {
    clearInterval(this.#timer);
    if (this.#bytes > 0) return this.#bytes;
    throw new Error("Cannot see the memory of a process: this needs Linux");
  }

  async #look(pid: number): Promise<void> {
    const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(text) ?? [];
    if (kilobytes !== undefined) this.#bytes = Math.max(this.#bytes, Number(kilobytes) * 1024);
  }
}
