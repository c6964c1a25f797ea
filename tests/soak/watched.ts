// kflow, with what its process holds written to the file that SOAK_SAMPLES names, once a second, one JSON object a line. Garbage is collected before each look: V8 lets up to
// 64 MiB of arrays wait for that, and the most that ever waited stays with the process, however little it holds.
import { appendFileSync, readdirSync } from "node:fs";
import process from "node:process";

export interface Sample {
  /** Resident set, bytes. */
  readonly rss: number;
  /** Open files and sockets. */
  readonly files: number;
  /** Timers that are set and have not gone off. */
  readonly timers: number;
}

type Call = (...args: never[]) => void;

const timers = new Set<unknown>();
const { setTimeout: later, clearTimeout: notLater, setInterval: often, clearInterval: notOften } =
  globalThis;

Object.assign(globalThis, {
  setTimeout(call: Call, ...rest: []) {
    const timer = later((...args: []) => {
      timers.delete(timer);
      call(...args);
    }, ...rest);
    timers.add(timer);
    return timer;
  },
  setInterval(call: Call, ...rest: []) {
    const timer = often(call, ...rest);
    timers.add(timer);
    return timer;
  },
  clearTimeout(timer: ReturnType<typeof later>) {
    timers.delete(timer);
    notLater(timer);
  },
  clearInterval(timer: ReturnType<typeof often>) {
    timers.delete(timer);
    notOften(timer);
  },
});

const file = process.env.SOAK_SAMPLES!;
const sampling = often(() => {
  collect();
  const sample: Sample = {
    rss: process.memoryUsage().rss,
    files: readdirSync("/proc/self/fd").length,
    timers: timers.size,
  };
  appendFileSync(file, JSON.stringify(sample) + "\n");
}, 1000);
// It must not keep the process.
(sampling as { unref?(): void }).unref?.();

/** Deno has `gc()` with V8's `--expose-gc`. */
function collect(): void {
  const { gc, Bun } = globalThis as { gc?(): void; Bun?: { gc(force: boolean): void } };
  if (gc === undefined && Bun === undefined) throw new Error("Deno was started without gc()");
  gc?.();
  Bun?.gc(true);
}

const { main } = "Deno" in globalThis
  ? await import("../../adapters/deno/main.ts")
  : await import("../../adapters/bun/main.ts");
await main();
