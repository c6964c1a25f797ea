export type Contender = "bare" | "kflow" | "js-publish";

export interface Row {
  runtime: string;
  contender: Contender;
  /** Records per second. */
  rate: number;
  rss?: { first: number; last: number };
}

/** Median with the lowest and the highest, per contender and runtime. */
export function table(rows: readonly Row[]): string {
  const lines = ["runtime  contender     median records/s   lowest  highest"];
  for (const [name, rates] of grouped(rows)) {
    const sorted = rates.toSorted((a, b) => a - b);
    const [runtime, contender] = name.split(" ") as [string, string];
    lines.push(
      `${runtime.padEnd(8)} ${contender.padEnd(12)} ${
        String(Math.round(median(rates))).padStart(17)
      } ` +
        `${String(Math.round(sorted[0]!)).padStart(8)} ${
          String(Math.round(sorted.at(-1)!)).padStart(8)
        }`,
    );
  }
  return lines.join("\n");
}

/** Our worker and the js.publish loop against the bare loop of the same round: median of the ratios. */
export function ratios(rows: readonly Row[]): string {
  const by = grouped(rows);
  const lines: string[] = [];
  for (const runtime of new Set(rows.map((row) => row.runtime))) {
    const bare = by.get(`${runtime} bare`)!;
    for (const contender of ["kflow", "js-publish"]) {
      const rates = by.get(`${runtime} ${contender}`) ?? [];
      const ratio = median(rates.map((rate, round) => rate / bare[round]!));
      lines.push(`${runtime}: ${contender} / bare = ${ratio.toFixed(2)}`);
    }
  }
  return lines.join("\n");
}

/** Resident set of our worker, early and late. */
export function memory(rows: readonly Row[]): string {
  return rows.filter((row) => row.rss !== undefined).map(({ runtime, rss }) =>
    `${runtime}: resident set ${mib(rss!.first)} in the first third, ${mib(rss!.last)} in the last`
  ).join("\n");
}

function mib(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`;
}

function grouped(rows: readonly Row[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const { runtime, contender, rate } of rows) {
    const name = `${runtime} ${contender}`;
    groups.set(name, [...groups.get(name) ?? [], rate]);
  }
  return groups;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
