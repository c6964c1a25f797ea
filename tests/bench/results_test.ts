import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ratios, type Row, withCosts, withRatios } from "../../bench/results.ts";
import type { Measured } from "../../bench/gate/measure.ts";
import { verdict } from "../../bench/gate/verdict.ts";

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

describe("verdict()", () => {
  const measured = (value: number, bound: Measured["bound"]): Measured => ({
    what: "a start",
    runtime: "bun",
    value,
    unit: "ms",
    bound,
  });

  it("is ok if all is within its bounds, the bounds included", () => {
    const { text, ok } = verdict([measured(7, { atMost: 7 }), measured(7, { atLeast: 7 })]);
    assert.equal(ok, true);
    assert.match(text, /^\| a start \| bun \| 7\.00 ms \| <= 7 \| ok \|$/m);
    assert.match(text, /\nok: all 2 are within their bounds$/);
  });

  it("marks what is not, and counts it", () => {
    const { text, ok } = verdict([measured(12, { atMost: 11 }), measured(12, { atLeast: 11 })]);
    assert.equal(ok, false);
    assert.match(text, /^\| a start \| bun \| 12 ms \| <= 11 \| FAILED \|$/m);
    assert.match(text, /\nFAILED: 1 of 2 are not within their bounds$/);
  });

  it("fails where nothing was measured, or no number", () => {
    assert.equal(verdict([]).ok, false);
    assert.equal(verdict([measured(NaN, { atMost: 1 })]).ok, false);
  });
});
