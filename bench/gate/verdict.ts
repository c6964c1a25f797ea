import { isWithin, type Measured } from "./measure.ts";

/** A table of all that was measured, and below it one line that says whether all of it is within its bound. */
export function verdict(measured: readonly Measured[]): { text: string; ok: boolean } {
  const failed = measured.filter((each) => !isWithin(each));
  const rows = measured.map((each) => {
    const { what, runtime, value, unit, bound } = each;
    const limit = "atLeast" in bound ? `>= ${bound.atLeast}` : `<= ${bound.atMost}`;
    const cells = [what, runtime, `${shown(value)} ${unit}`.trim(), limit];
    return `| ${[...cells, isWithin(each) ? "ok" : "FAILED"].join(" | ")} |`;
  });
  const ok = failed.length === 0 && measured.length > 0;
  const line = measured.length === 0
    ? "FAILED: nothing was measured"
    : ok
    ? `ok: all ${measured.length} are within their bounds`
    : `FAILED: ${failed.length} of ${measured.length} are not within their bounds`;
  const head = ["| measure | runtime | measured | bound | |", "| --- | --- | --- | --- | --- |"];
  return { text: [...head, ...rows, "", line].join("\n"), ok };
}

function shown(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(2) : String(Math.round(value));
}
