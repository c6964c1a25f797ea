import type { Comparison } from "../comparison.ts";
import { BARE, KFLOW, ROUNDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withRatios } from "../results.ts";

const AMOUNTS = [
  // Over before a runtime has compiled the loop, so it takes many rounds to say something.
  { name: "1,000 waiting, all of them", records: 1_000, take: undefined, rounds: 25 },
  {
    name: "1,000,000 waiting, the first 100,000",
    records: 1_000_000,
    take: 100_000,
    rounds: ROUNDS,
  },
];

export const waiting: Comparison = {
  name: "waiting",
  about: "one task with a thousand and with a million records waiting in its queue",
  async run(options) {
    const parts: string[] = [];
    for (const each of AMOUNTS) {
      const rows = await run({ ...each, contenders: [BARE, KFLOW] }, options);
      parts.push(`${each.name}\n${withRatios(rows, "bare")}`);
    }
    return parts.join("\n\n");
  },
};
