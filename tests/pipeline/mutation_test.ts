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

describe("loadPlan() on files made to be slow", () => {
  const many = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => line(index)).join("\n") + "\n";
  const chain = many(
    999,
    (index) => `  - {id: t${index}, type: raw, image: x, out: [t${index + 1}]}`,
  );
  const source = "dag:\n  - {id: s, type: fs-source, addr: h, topics: s3a://docs, out: [t0]}\n";
  // Each took more than 20 seconds with the obvious algorithm.
  const files: [what: string, text: string, error: string][] = [
    [
      "60,000 keys",
      many(60_000, (index) => `k${index}: 1`),
      "p.yaml:1:1: too many values or levels; no pipeline needs so many",
    ],
    [
      "15,000 anchors",
      many(15_000, (index) => `- &a${index} x`) + many(15_000, (index) => `- *a${index}`),
      "p.yaml:1:1: expected mapping, got list; a pipeline is a mapping with 'dag'",
    ],
    [
      "200 tasks that all feed each other",
      "dag:\n" +
      many(
        200,
        (index) =>
          `  - {id: t${index}, type: raw, image: x, out: [${
            Array.from({ length: 200 }, (_, other) => `t${other}`)
          }]}`,
      ),
      "p.yaml:198:913 dag[196].out[196]: cycle: t196 -> t196; records would go round for ever, remove one of these",
    ],
    [
      "more tasks than a pipeline may have",
      source + chain + "  - {id: t999, type: print}\n",
      "p.yaml:2:3 dag: dag has more than 1000 tasks; split the pipeline",
    ],
  ];
  for (const [what, text, error] of files) {
    it(`ends soon on ${what}`, async () => {
      const start = performance.now();
      const { errors } = await load(text);
      assert.ok(performance.now() - start < 10_000);
      assert.ok(errors.includes(error), errors.slice(0, 3).join("\n"));
    });
  }

  it("plans a chain of 999 tasks", async () => {
    const text = source + chain.replace(/.*\n$/, "").replace("[t998]", "[]");
    const { plan, errors } = await load(text);
    assert.deepEqual(errors, []);
    assert.equal(plan?.tasks.length, 999);
  });
});
