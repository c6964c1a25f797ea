import type { Comparison } from "../comparison.ts";
import { KFLOW, PYTHON, ROUNDS } from "../contenders.ts";
import { run } from "../race.ts";
import { withRatios } from "../results.ts";

const RECORDS = 100_000;
const AT_ONCE = 256;

export const python: Comparison = {
  name: "python",
  about:
    "our worker and one in Python (nats-py, fastavro, uvloop), with 256 records at once, over TCP",
  async run(options) {
    const contenders = [PYTHON, KFLOW];
    const race = { contenders, records: RECORDS, rounds: ROUNDS, inFlight: AT_ONCE, tcp: true };
    return withRatios(await run(race, options), "python");
  },
};
