import type { GeneratorContext } from "kflow";

const STATIONS = ["harbour", "airport", "summit"];

/** Readings without an end: `meta.limit` says how many are wanted. The same position always gives the same reading. */
export default function* measure(ctx: GeneratorContext) {
  for (let n = ctx.position;; n++) {
    const hour = Math.floor(n / STATIONS.length);
    const station = STATIONS[n % STATIONS.length]!;
    yield { station, hour, celsius: station === "summit" ? hour - 8 : 15 + hour / 2 };
  }
}
