import type { BenchOptions } from "../comparison.ts";

/** What was measured, and what it has to be. */
export interface Measured {
  readonly what: string;
  readonly runtime: string;
  readonly value: number;
  readonly unit: string;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
}

/** One thing that the gate measures, in a file of this folder. */
export interface Measure {
  /** For `--only`. */
  readonly name: string;
  /** What is measured, in one sentence. */
  readonly about: string;
  run(options: BenchOptions): Promise<Measured[]>;
}

export function isWithin({ value, bound }: Measured): boolean {
  return "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost;
}
