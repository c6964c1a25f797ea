import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { fillTemplate } from "../../src/task_types/fill_template.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { runFlow } from "../support/in_process/flow.ts";

const SCHEMA = JSON.stringify({
  type: "record",
  name: "result",
  fields: [
    { name: "key", type: "string" },
    { name: "big", type: "long" },
    { name: "raw", type: "bytes" },
    { name: "maybe", type: ["null", "string"] },
  ],
});

function pipeline(meta: string, topics = "s3a://results/out"): string {
  return `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - {id: work, type: raw, module: ./x.ts, schema: '${SCHEMA}', out: [store]}
  - {id: store, type: s3-sink, topics: "${topics}", meta: ${meta}}
`;
}

async function sink(meta: string, keys: string[], topics?: string) {
  const store = new MemoryStore({ buckets: ["docs", "results"] });
  for (const key of keys) await store.put("docs", key, new Uint8Array());
  const result = await runFlow({
    yaml: pipeline(meta, topics),
    store,
    functions: {
      work: ({ key }: { key: string }) => ({
        key,
        big: 9_007_199_254_740_993n,
        raw: new Uint8Array([0, 255]),
        maybe: null,
      }),
    },
    deadLetters: { place: "nowhere", put: () => Promise.resolve() },
  });
  const objects = new Map<string, string>();
  for await (const page of store.list("results", "")) {
    for (const { key } of page) {
      objects.set(key, await new Response((await store.get("results", key)).body).text());
    }
  }
  return { ...result, objects };
}

describe("s3-sink", () => {
  it("writes one JSON object per record under the key of the template", async () => {
    const { objects } = await sink('{key: "{key}.json"}', ["a b", "c/d"]);
    assert.deepEqual([...objects.keys()].sort(), ["out/a b.json", "out/c/d.json"]);
    assert.equal(
      objects.get("out/a b.json"),
      '{"key":"a b","big":"9007199254740993","raw":"\\u0000ÿ","maybe":null}\n',
    );
  });

  it("names objects after the message id where there is no template", async () => {
    const { objects } = await sink("{}", ["a", "b"], "s3a://results");
    assert.equal(objects.size, 2);
    for (const key of objects.keys()) assert.match(key, /^[\w.]+\.json$/);
  });

  it("sends a record whose key would leave the bucket to the dead letters, and writes the others", async () => {
    const { objects, task } = await sink('{key: "../{key}", retry.delay.ms: 1}', ["a"]);
    assert.equal(objects.size, 0);
    assert.equal(task("store").counts.dead, 1);
  });

  it("makes a record whose fields give no key a dead letter at its first attempt", async () => {
    const { task } = await sink('{key: "{maybe}", retry.delay.ms: 1}', ["a"]);
    assert.deepEqual(task("store").deadLetters.map(({ attempts, error }) => [attempts, error]), [
      [1, 'Cannot fill the template "{maybe}": field "maybe" is null'],
    ]);
  });

  it("stops the run when its bucket is missing", async () => {
    await assert.rejects(sink("{}", ["a"], "s3a://nowhere"), /nowhere/);
  });
});

describe("fillTemplate()", () => {
  it("takes text, numbers and booleans", () => {
    assert.equal(fillTemplate("{a}/{b}-{c}.json", { a: "x y", b: 7, c: true }), "x y/7-true.json");
  });

  it("says which field is missing, null or no text", () => {
    assert.throws(() => fillTemplate("{a}", {}), /field "a" is missing/);
    assert.throws(() => fillTemplate("{a}", { a: null }), /field "a" is null/);
    assert.throws(() => fillTemplate("{a}", { a: {} }), /field "a" is an object/);
  });
});
