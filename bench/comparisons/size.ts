import type { Comparison } from "../comparison.ts";
import { BARE, KFLOW, ROUNDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withRatios } from "../results.ts";

/** In each as much is under way as a server keeps for one client, and as a stream holds. */
const SIZES = [
  { name: "100 B", bytes: 100, records: 200_000, inFlight: 1024 },
  { name: "10 kB", bytes: 10_000, records: 20_000, inFlight: 1024 },
  { name: "900 kB", bytes: 900_000, records: 500, inFlight: 16 },
];

export const size: Comparison = {
  name: "size",
  about: "one task with records of 100 B, 10 kB and 900 kB",
  async run(options) {
    const parts: string[] = [];
    for (const each of SIZES) {
      const rows = await run({ ...each, contenders: [BARE, KFLOW], rounds: ROUNDS }, options);
      parts.push(`${each.name}, ${each.inFlight} in flight\n${withRatios(rows, "bare")}`);
    }
    return parts.join("\n\n");
  },
};
