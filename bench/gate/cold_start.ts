import { runScript } from "../measuring/run_script.ts";
import type { Measure } from "./measure.ts";

const AT_MOST_MS = 150;
const ROUNDS = 20;

interface ColdStart {
  /** From the import to the first answer. */
  readonly milliseconds: number;
  readonly text: string;
}

export const coldStart: Measure = {
  name: "cold-start",
  about: "how much later a handler answers its first call than an empty hono handler does",
  async run({ runtimes, rounds = ROUNDS, say }) {
    const measured = [];
    for (const runtime of runtimes) {
      // The best of the rounds: other programs on the machine only make it slower.
      const best = { hono: Infinity, kflow: Infinity };
      for (let round = 1; round <= rounds; round++) {
        for (const which of ["hono", "kflow"] as const) {
          const script = ["bench/gate/cold_start_script.ts", which];
          const { milliseconds, text } = await runScript<ColdStart>(runtime, script);
          if (text.trim() !== '{"outputs":[{"value":42}]}') throw new Error(`${which}: ${text}`);
          best[which] = Math.min(best[which], milliseconds);
        }
        const [hono, kflow] = [best.hono, best.kflow].map(Math.round);
        say(`cold start, ${runtime}, round ${round}: hono ${hono} ms, kflow ${kflow} ms`);
      }
      measured.push({
        what: "first answer of a handler after that of an empty one",
        runtime,
        value: best.kflow - best.hono,
        unit: "ms",
        bound: { atMost: AT_MOST_MS },
      });
    }
    return measured;
  },
};
