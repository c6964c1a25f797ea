import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { TimeSpread } from "../../src/metrics/time_spread.ts";

describe("TimeSpread", () => {
  it("gives quantiles that are wrong by 4 % at most, from microseconds to days", () => {
    for (const scale of [0.01, 1, 50, 1e6]) {
      const spread = new TimeSpread();
      for (let i = 1; i <= 1000; i++) spread.observe(i * scale);
      for (const share of [0.5, 0.95, 0.99, 1]) {
        const exact = share * 1000 * scale;
        const found = spread.quantile(share)!;
        assert.ok(
          Math.abs(found / exact - 1) < 0.04,
          `${share} of ${scale}: ${found}, not ${exact}`,
        );
      }
    }
  });

  it("knows how many there were and their sum", () => {
    const spread = new TimeSpread();
    for (const time of [1, 2, 3.5]) spread.observe(time);
    assert.deepEqual([spread.count, spread.sum], [3, 6.5]);
  });

  it("has no quantile without a time", () => {
    assert.equal(new TimeSpread().quantile(0.5), undefined);
  });

  it("takes any number without throwing, and what is no time as 0", () => {
    const spread = new TimeSpread();
    for (const odd of [NaN, Infinity, -Infinity, -1, 0]) spread.observe(odd);
    assert.deepEqual([spread.count, spread.sum], [5, 0]);
    assert.ok(spread.quantile(1)! < 0.002);
    spread.observe(1e300);
    assert.ok(spread.quantile(1)! > 1e9);
  });
});
