import type { Runtime } from "./measuring/run_script.ts";

export interface BenchOptions {
  /** Instead of each comparison's own number. */
  readonly rounds?: number;
  /** No comparison takes more; for trying it out. */
  readonly records?: number;
  readonly runtimes: readonly Runtime[];
  /** Our worker speaks TCP to the server instead of websockets. */
  readonly tcp: boolean;
  /** Told how far it is. */
  readonly say: (line: string) => void;
}

/** One thing that the bench measures, in a file of `comparisons/`. */
export interface Comparison {
  /** For `--only`. */
  readonly name: string;
  /** What is compared, in one sentence. */
  readonly about: string;
  /** Measures; resolves to what is printed of it. */
  run(options: BenchOptions): Promise<string>;
}
