import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ratios, type Row, withCosts, withRatios } from "../../bench/results.ts";
import { tooSlow } from "../../bench/short.ts";

/** Rows of consecutive rounds. */
function rows(runtime: string, contender: string, rates: readonly number[]): Row[] {
  return rates.map((rate, i) => ({ round: i + 1, runtime, contender, rate }));
}

describe("ratios()", () => {
  it("is the median of what each round has by itself, not the ratio of the medians", () => {
    const found = ratios([
      ...rows("bun", "bare", [100, 200, 400]),
      ...rows("bun", "kflow", [90, 100, 320]),
    ], "bare");
    assert.deepEqual(found, [
      { runtime: "bun", contender: "kflow", median: 0.8, lowest: 0.5, highest: 0.9 },
    ]);
  });

  it("divides by the contender on the same runtime", () => {
    const found = ratios([
      ...rows("deno", "bare", [100]),
      ...rows("bun", "bare", [200]),
      ...rows("deno", "kflow", [100]),
      ...rows("bun", "kflow", [100]),
    ], "bare");
    assert.deepEqual(found.map(({ runtime, median }) => [runtime, median]), [
      ["deno", 1],
      ["bun", 0.5],
    ]);
  });

  it("divides both runtimes by a contender that has one of its own", () => {
    const found = ratios([
      ...rows("python", "python", [10, 20]),
      ...rows("deno", "kflow", [40, 80]),
      ...rows("bun", "kflow", [60, 140]),
    ], "python");
    assert.deepEqual(found.map(({ runtime, median }) => [runtime, median]), [
      ["deno", 4],
      ["bun", 6.5],
    ]);
  });

  it("fails if a round lacks the contender to divide by", () => {
    const all = [...rows("bun", "bare", [1]), ...rows("bun", "kflow", [1, 1])];
    assert.throws(() => ratios(all, "bare"), /Round 2 has no "bare"/);
  });
});

describe("reports", () => {
  const measured = [...rows("bun", "kflow", [200, 100]), ...rows("bun", "metrics", [100, 80])];

  it("have median, lowest and highest of each contender, and the ratio", () => {
    const [head, ...lines] = withRatios(measured, "kflow").split("\n");
    assert.match(head!, /^runtime +contender +median records\/s +lowest +highest$/);
    assert.deepEqual(lines.map((line) => line.trim().split(/ +/).join(" ")), [
      "bun kflow 150 100 200",
      "bun metrics 90 80 100",
      "bun: metrics / kflow = 0.65 (0.50 to 0.80)",
    ]);
  });

  it("say what a record costs more", () => {
    const line = withCosts([
      ...rows("deno", "kflow", [105, 110, 100]),
      ...rows("deno", "metrics", [100, 100, 100]),
    ], "kflow").split("\n").at(-1);
    assert.equal(line, "deno: a record costs metrics 5.0 % more than kflow (0.0 % to 10.0 %)");
  });
});

describe("tooSlow()", () => {
  const bare = [...rows("deno", "bare", [100, 100, 100]), ...rows("bun", "bare", [100, 100, 100])];

  it("has nothing to say of a worker that is as fast as asked on both runtimes", () => {
    const kflow = [...rows("deno", "kflow", [20, 75, 90]), ...rows("bun", "kflow", [80, 80, 80])];
    assert.equal(tooSlow([...bare, ...kflow], 0.75), undefined);
  });

  it("says on which runtime it is slower", () => {
    const kflow = [...rows("deno", "kflow", [99, 99, 99]), ...rows("bun", "kflow", [70, 74, 99])];
    assert.equal(
      tooSlow([...bare, ...kflow], 0.75),
      "kflow / bare is 0.74 on bun: less than 0.75 of the loop by hand",
    );
  });
});
