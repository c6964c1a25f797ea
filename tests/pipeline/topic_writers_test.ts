import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { topicWriters } from "../../src/pipeline/plan/topic_writers.ts";
import { load, loadGood } from "./support/load.ts";
import { AB } from "./support/pipeline_text.ts";

const SIDE = "globalConfig: {sideStream: {enabled: true, errorTopics: 'e.one, e.two'}}";
const OFF = "globalConfig: {sideStream: {enabled: false}}";

function flow(...tasks: string[]): string {
  return `${SIDE}\ndag:\n${tasks.map((task) => `  - {${task}}\n`).join("")}`;
}

async function writersOf(source: string, text: string) {
  const plan = await loadGood(text);
  return topicWriters(plan.tasks.find(({ id }) => id === source)!, plan);
}

const make = `id: make, type: raw-source, module: ./x.ts, schema: ${AB}, out: [work]`;
const work = `id: work, type: raw, module: ./x.ts, schema: ${AB}, out: [p]`;
const reader = (id: string, topic: string, out: string, more = "") =>
  `id: ${id}, type: nats-source, topics: ${topic}, schema: ${AB}, ${more} out: [${out}]`;

describe("the writers of the topic that a nats-source reads", () => {
  it("are the tasks with that error topic which do not depend on the source", async () => {
    const text = flow(
      make,
      work,
      "id: p, type: print",
      reader("read", "e.two", "tell"),
      `id: tell, type: print, ${OFF}`,
    );
    assert.deepEqual(await writersOf("read", text), { before: ["work", "p"], behind: [] });
    assert.deepEqual((await load(text)).warnings, []);
  });

  it("are looked for though a task behind the source has no plan, and its mistake is told", async () => {
    const { plan, errors } = await load(
      flow(reader("read", "e.two", "tell"), "id: tell, type: prin"),
    );
    assert.equal(plan, undefined);
    assert.equal(errors.length, 1);
    assert.match(errors[0]!, /dag\[1\]\.type: .*got string "prin"/);
  });

  it("are no tasks without side stream, with another topic or on another server", async () => {
    const text = flow(
      make.replace("[work]", "[work, off, other]"),
      work,
      "id: p, type: print, globalConfig: {sideStream: {addr: 'nats://h'}}",
      `id: off, type: print, ${OFF}`,
      "id: other, type: print, globalConfig: {sideStream: {errorTopics: e.three}}",
      reader("read", "e.one", "tell"),
      reader("far", "e.one", "tell", "addr: 'nats://h:4222',"),
      `id: tell, type: print, ${OFF}`,
    );
    assert.deepEqual((await writersOf("read", text)).before, ["work"]);
    assert.deepEqual((await writersOf("far", text)).before, ["p"]);
  });

  it("that work on the source's own records are not waited for, and warned of", async () => {
    const text = flow(
      make,
      work.replace("[p]", "[]"),
      reader("read", "e.one", "tell"),
      `id: tell, type: raw, module: ./x.ts, schema: ${AB}, out: [show], ${OFF}`,
      "id: show, type: print",
    );
    assert.deepEqual(await writersOf("read", text), { before: ["work"], behind: ["show"] });
    assert.deepEqual((await load(text)).warnings, [
      'p.yaml:5:43 dag[2].topics: error records of "show", which works on what is read here, come here too: one that always fails goes round for ever; give "show" globalConfig: {sideStream: {enabled: false}}',
    ]);
  });

  it("of two sources that feed each other's writers wait for nobody in a circle", async () => {
    const one = "globalConfig: {sideStream: {errorTopics: e.one}}";
    const two = "globalConfig: {sideStream: {errorTopics: e.two}}";
    const text = flow(
      reader("first", "e.one", "a"),
      reader("second", "e.two", "b"),
      `id: a, type: print, ${two}`,
      `id: b, type: print, ${one}`,
    );
    assert.deepEqual(await writersOf("first", text), { before: [], behind: ["b"] });
    assert.deepEqual(await writersOf("second", text), { before: [], behind: ["a"] });
  });
});
