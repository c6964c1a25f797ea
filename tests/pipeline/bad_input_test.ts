import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BAD_INPUTS } from "./support/bad_inputs.ts";
import { load } from "./support/load.ts";

describe("loadPlan() on bad input", () => {
  for (const [row, what, text, errors, warnings = [], options] of BAD_INPUTS) {
    it(`row ${row} finds ${what}`, async () => {
      const found = await load(typeof text === "string" ? text : text.text, options);
      assert.deepEqual(found.errors, errors);
      assert.deepEqual(found.warnings, warnings);
      assert.equal(found.plan === undefined, errors.length > 0);
    });
  }

  it("reports mistakes of every kind together, in the order of the file", async () => {
    const text = `mode: bulk
paralelism: 2
mode: batch
globalConfig:
  store: {addr: "h:99999"}
dag:
  - id: list
    type: fs-source
    topics: s3://docs
    out: [work, wrok]
  - id: work
    type: raw
    image: x
    meta: {max.attempts: none}
    schema: '{'
    out: [work]
  - id: lost
    type: print
`;
    const { errors } = await load(text, {
      set: ["dag.lost.adr=x", "name"],
      modules: ["lost=./lost.ts"],
      env: { KFLOW_NATS_ADDR: "http://h" },
    });
    assert.deepEqual(errors, [
      'p.yaml:1:7 mode: expected one of batch, streaming, stream, got string "bulk"',
      'p.yaml:2:1 paralelism: unknown key "paralelism"; did you mean "parallelism"?',
      'p.yaml:3:1 mode: Map keys must be unique; the first "mode" is at line 1',
      'p.yaml:5:17 globalConfig.store.addr: address "h:99999" has a bad port; a port is a number 1..65535',
      'p.yaml:9:13 dag[0].topics: topics "s3://docs" is no bucket; write s3a://bucket or s3a://bucket/prefix',
      'p.yaml:10:17 dag[0].out[1]: no task has id "wrok"; did you mean "work"?',
      'p.yaml:14:26 dag[1].meta.max.attempts: expected integer 1..1000000 or "unlimited", got string "none"',
      "p.yaml:15:13 dag[1].schema: not valid JSON at 1:2 of the schema; an Avro schema is JSON",
      "p.yaml:16:11 dag[1].out[0]: cycle: work -> work; records would go round for ever, remove one of these",
      '--set dag.lost.adr: unknown key "adr"; did you mean "addr"?',
      '--set: "name" has no value; write PATH=VALUE, such as dag.demo.addr=host:9000',
      'environment KFLOW_NATS_ADDR: address "http://h" is no address of a NATS server: scheme "http"; use nats://host:port, ws://host:port, wss://host:port or host:port',
      '--module lost: "lost" is of type print, which runs no module; give modules to raw and raw-source tasks',
    ]);
  });

  it("finds all mistakes of all tasks although each hides something from the others", async () => {
    const tasks = Array.from(
      { length: 50 },
      (_, index) => `  - {id: t${index}, type: print, parallelism: 0}\n`,
    );
    const { errors } = await load("dag:\n" + tasks.join(""));
    assert.equal(errors.filter((error) => error.includes("expected integer 1..1000")).length, 50);
    assert.equal(errors.filter((error) => error.includes("unreachable")).length, 50);
  });

  it("never shows a password that is in a wrong place", async () => {
    const texts = [
      "globalConfig: {store: {password: [hunter2]}}\ndag: []\n",
      "globalConfig: {store: {password: *hunter2}}\ndag: []\n",
      "globalConfig: {store: {password: !hunter2 x}}\ndag: []\n",
      "globalConfig: {store: {addr: 'http://u:hunter2@h:x', passwort: hunter2}}\ndag: []\n",
      "globalConfig:\n  store:\n    password: 'hunter2\n",
      'globalConfig:\n  store:\n    password: "a" hunter2\n',
      "password: 123456789\ndag: []\n",
      "globalConfig: {store: {password: 123456789}}\ndag: []\n",
    ];
    for (const text of texts) {
      const { errors } = await load(text);
      assert.ok(errors.length > 0, text);
      assert.doesNotMatch(errors.join("\n"), /hunter2|123456789/);
    }
  });
});
