import type { Sample } from "./watched.ts";

export interface Flatness {
  readonly what: keyof Sample;
  /** Medians of the first and the last third. */
  readonly first: number;
  readonly last: number;
  readonly isFlat: boolean;
}

/** The last third may be a tenth above the first, and these amounts in any case. */
const GROWTH = 0.1;
const SLACK: Sample = { rss: 4 << 20, files: 2, timers: 3 };

/** Whether what a process holds has stayed the same from the first third of its time to the last. */
export function flatness(samples: readonly Sample[]): Flatness[] {
  const third = Math.floor(samples.length / 3);
  return (["rss", "files", "timers"] as const).map((what) => {
    const all = samples.map((sample) => sample[what]);
    const first = median(all.slice(0, third));
    const last = median(all.slice(-third));
    return { what, first, last, isFlat: last - first <= Math.max(SLACK[what], first * GROWTH) };
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
