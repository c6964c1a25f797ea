const METHODS = ["debug", "error", "info", "log", "trace", "warn"] as const;

/**
 * Has every line that a user's function prints with `console` go by whoever draws on the terminal.
 * @param around Calls what it is given, which prints.
 * @returns What gives the console back.
 */
export function captureConsole(around: (print: () => void) => void): () => void {
  const given = METHODS.map((method) => console[method]);
  METHODS.forEach((method, i) => {
    console[method] = (...values: unknown[]) => around(() => given[i]!.apply(console, values));
  });
  return () => METHODS.forEach((method, i) => console[method] = given[i]!);
}
