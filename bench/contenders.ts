import type { Contender } from "./race.ts";

/** The shortest safe loop by hand. */
export const BARE: Contender = { name: "bare", program: "bare" };
/** Our worker. */
export const KFLOW: Contender = { name: "kflow", program: "kflow" };
/** The loop that the client's documentation suggests: a promise for each publication. */
export const JS_PUBLISH: Contender = {
  name: "js-publish",
  program: "bare",
  job: { publish: "js-publish" },
};
/** A worker in Python, on the client, the codec and the event loop that are fastest there. */
export const PYTHON: Contender = { name: "python", program: "python" };

/** In the input stream of comparisons that have no reason for another number. */
export const RECORDS = 200_000;
export const ROUNDS = 5;
