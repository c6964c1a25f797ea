import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { load } from "./support/load.ts";

const ROUNDS = 2000;
const SEED = 20_260_401;
const SCRAPS = [
  ..."\t\n :-[]{}'\"#&*!|>%@,$~.0",
  "${",
  "${A:-",
  "${file:/x}",
  "<<: ",
  "- ",
  "null",
  "&a ",
  "*a",
  "---\n",
  "\u0000",
  "\u{1f600}",
  "\ud800",
  "__proto__: 1\n",
  "constructor: 1\n",
  "dag:\n",
  "1e999",
  "[".repeat(200),
  "out: [demo, s3, process]\n",
];

/** A small generator of the linear congruential kind: the same files on each run and platform. */
function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function mutate(text: string, random: (below: number) => number): string {
  const edits = 1 + random(4);
  for (let edit = 0; edit < edits; edit++) {
    const from = random(text.length + 1);
    const to = Math.min(text.length, from + random(random(2) === 0 ? 3 : 120));
    switch (random(5)) {
      case 0:
        text = text.slice(0, from) + text.slice(to);
        break;
      case 1:
        text = text.slice(0, from) + SCRAPS[random(SCRAPS.length)] + text.slice(from);
        break;
      case 2: {
        const target = random(text.length + 1);
        text = text.slice(0, target) + text.slice(from, to) + text.slice(target);
        break;
      }
      case 3: {
        const lines = text.split("\n");
        const [line] = lines.splice(random(lines.length), 1);
        lines.splice(random(lines.length + 1), 0, " ".repeat(random(5)) + line!.trimStart());
        text = lines.join("\n");
        break;
      }
      default:
        text = text.slice(0, from) + SCRAPS[random(SCRAPS.length)] + text.slice(to);
    }
  }
  return text;
}

describe("loadPlan() on damaged files", () => {
  it(`ends within a second, with a plan or findings, on each of ${ROUNDS}`, async () => {
    const folder = new URL("./fixtures/", import.meta.url);
    const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();
    const texts = await Promise.all(names.map((name) => readFile(new URL(name, folder), "utf8")));
    const random = createRandom(SEED);
    let wrong = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const text = mutate(texts[random(texts.length)]!, random);
      const start = performance.now();
      let found;
      try {
        found = await load(text);
      } catch (error) {
        throw new Error(`Round ${round} threw on ${JSON.stringify(text)}`, { cause: error });
      }
      const took = performance.now() - start;
      assert.ok(took < 1000, `Round ${round} took ${took} ms on ${JSON.stringify(text)}`);
      assert.equal(found.plan === undefined, found.errors.length > 0, JSON.stringify(text));
      for (const error of found.errors) {
        assert.match(error, /^(p\.yaml(:\d+:\d+)?)( [^\n]+)?: [^\n]+$/, JSON.stringify(text));
      }
      if (found.errors.length > 0) wrong++;
    }
    // Neither everything nor nothing: the damage is neither always fatal nor always harmless.
    assert.ok(wrong > ROUNDS / 4 && wrong < ROUNDS, `${wrong} of ${ROUNDS} had errors`);
  });
});
