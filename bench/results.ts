import { spreadOf } from "./measuring/spread.ts";

/** How fast one contender was in one round. */
export interface Row {
  readonly round: number;
  readonly runtime: string;
  readonly contender: string;
  /** Records per second. */
  readonly rate: number;
  readonly rss?: { readonly first: number; readonly last: number };
}

/** Of one contender on one runtime, over all rounds, divided by another of the same round. */
export interface Ratio {
  readonly runtime: string;
  readonly contender: string;
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Median with the lowest and the highest, per contender and runtime. */
export function table(rows: readonly Row[]): string {
  const groups = grouped(rows);
  const width = Math.max(12, ...rows.map(({ contender }) => contender.length));
  return [
    `runtime  ${"contender".padEnd(width)}  median records/s    lowest   highest`,
    ...[...groups.values()].map((group) => {
      const { runtime, contender } = group[0]!;
      const { median, lowest, highest } = spreadOf(group.map(({ rate }) => rate));
      return `${runtime.padEnd(8)} ${contender.padEnd(width)} ${whole(median, 17)} ${
        whole(lowest, 9)
      } ${whole(highest, 9)}`;
    }),
  ].join("\n");
}

/** Every contender but `against`, divided by it: by the one on the same runtime, or by the only one there is. */
export function ratios(rows: readonly Row[], against: string): Ratio[] {
  const bases = rows.filter(({ contender }) => contender === against);
  return [...grouped(rows).values()].flatMap((group) => {
    const { runtime, contender } = group[0]!;
    if (contender === against) return [];
    const quotients = group.map(({ round, rate }) => {
      const ofRound = bases.filter((base) => base.round === round);
      const base = ofRound.find((each) => each.runtime === runtime) ?? ofRound[0];
      if (base === undefined) throw new Error(`Round ${round} has no "${against}"`);
      return rate / base.rate;
    });
    return [{ runtime, contender, ...spreadOf(quotients) }];
  });
}

/** The table, and below it the ratios. */
export function withRatios(rows: readonly Row[], against: string): string {
  const lines = ratios(rows, against).map(({ runtime, contender, median, lowest, highest }) =>
    `${runtime}: ${contender} / ${against} = ${median.toFixed(2)} ` +
    `(${lowest.toFixed(2)} to ${highest.toFixed(2)})`
  );
  return [table(rows), ...lines].join("\n");
}

/** The table, and below it what each contender spends on a record more than another, in per cent. */
export function withCosts(rows: readonly Row[], against: string): string {
  const percent = (ratio: number) => `${((1 / ratio - 1) * 100).toFixed(1)} %`;
  const lines = ratios(rows, against).map(({ runtime, contender, median, lowest, highest }) =>
    `${runtime}: a record costs ${contender} ${percent(median)} more than ${against} ` +
    `(${percent(highest)} to ${percent(lowest)})`
  );
  return [table(rows), ...lines].join("\n");
}

function whole(value: number, width: number): string {
  return String(Math.round(value)).padStart(width);
}

function grouped(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = `${row.runtime} ${row.contender}`;
    groups.set(name, [...groups.get(name) ?? [], row]);
  }
  return groups;
}
