import { formatWithOptions } from "node:util";
import type { Host } from "../../../src/host.ts";

const METHODS = ["debug", "error", "info", "log", "trace", "warn"] as const;
const ON_STDERR: readonly string[] = ["error", "trace", "warn"];

/**
 * Has every line that a user's function prints with `console` go through the outputs of the host, on which it keeps its place among what kflow prints.
 * @returns What gives the console back.
 */
export function captureConsole(
  { stdout, stderr, env }: Pick<Host, "stdout" | "stderr" | "env">,
): () => void {
  const given = METHODS.map((method) => console[method]);
  const colors = env("NO_COLOR") === undefined;
  for (const method of METHODS) {
    const output = ON_STDERR.includes(method) ? stderr : stdout;
    console[method] = (...values: unknown[]) => {
      const text = formatWithOptions({ colors: colors && output.isTerminal }, ...values);
      const stack = method === "trace" ? `Trace: ${text}${stackBelow()}` : text;
      output.write(stack + "\n", { raw: true });
    };
  }
  return () => METHODS.forEach((method, i) => console[method] = given[i]!);
}

/** The caller of `console.trace()` and what called it. */
function stackBelow(): string {
  return (new Error().stack ?? "").split("\n").slice(3).map((line) => `\n${line}`).join("");
}
