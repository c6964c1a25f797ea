import { spreadOf } from "./spread.ts";

/** What contenders did, round by round. A row is what is compared: one runtime at one piece of work. */
export class Measurements {
  readonly #unit: string;
  readonly #digits: number;
  readonly #rows = new Map<string, Map<string, number[]>>();

  constructor(unit: string, { digits = 0 }: { digits?: number } = {}) {
    this.#unit = unit;
    this.#digits = digits;
  }

  /** Contenders of a row are told in the same order in each round. */
  add(row: string, contender: string, value: number): void {
    const contenders = this.#rows.get(row) ?? new Map<string, number[]>();
    this.#rows.set(row, contenders);
    contenders.set(contender, [...contenders.get(contender) ?? [], value]);
    console.error(`${row}, ${contender}: ${this.#text(value)} ${this.#unit}`);
  }

  /** Median, lowest and highest of each contender, as a table of Markdown. */
  table(): string {
    const lines = [
      `| | contender | ${this.#unit}, median | lowest | highest |`,
      "| --- | --- | --- | --- | --- |",
    ];
    for (const [row, contenders] of this.#rows) {
      for (const [contender, values] of contenders) {
        const { median, lowest, highest } = spreadOf(values);
        const cells = [row, contender, ...[median, lowest, highest].map((n) => this.#text(n))];
        lines.push(`| ${cells.join(" | ")} |`);
      }
    }
    return lines.join("\n");
  }

  /** One contender against another of the same row: the ratio of their medians, and the median and the ends of the ratios of each round. */
  ratios(contender: string, other: string): string {
    const lines: string[] = [];
    for (const [row, contenders] of this.#rows) {
      const [mine, theirs] = [contenders.get(contender), contenders.get(other)];
      if (mine === undefined || theirs === undefined) continue;
      const whole = spreadOf(mine).median / spreadOf(theirs).median;
      const rounds = spreadOf(mine.map((value, round) => value / theirs[round]!));
      lines.push(
        `${row}: ${contender} / ${other} = ${whole.toFixed(2)} of medians; by round ` +
          `${rounds.median.toFixed(2)} (${rounds.lowest.toFixed(2)} to ${
            rounds.highest.toFixed(2)
          })`,
      );
    }
    return lines.join("\n");
  }

  #text(value: number): string {
    return value.toLocaleString("en", {
      minimumFractionDigits: this.#digits,
      maximumFractionDigits: this.#digits,
    });
  }
}
