import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FlowNames, isToken } from "../../src/broker/subjects.ts";

describe("FlowNames", () => {
  it("makes stream names and subjects as DESIGN.md 5 has them", () => {
    const names = new FlowNames("flow-1");
    assert.equal(names.stream("task"), "kflow-flow-1-task");
    assert.equal(names.subjects("task"), "kflow.flow-1.task.>");
    assert.equal(names.edge("task", "from"), "kflow.flow-1.task.from");
    assert.equal(names.edge("task", "from", "side"), "kflow.flow-1.task.from~side");
    assert.equal(names.deadStream, "kflow-flow-1-dead");
    assert.equal(names.dead("task"), "kflow.flow-1.dead.task");
    assert.equal(names.state("finished", "run", "task"), "finished.flow-1.run.task");
  });

  it("gives every task of every flow a stream of its own", () => {
    const ids = [
      "a",
      "b",
      "c",
      "a-b",
      "b-c",
      "a-b-c",
      "-",
      "a-",
      "-a",
      "--",
      "a_b",
      "dead",
      "a-dead",
    ];
    const streams = new Map<string, string>();
    for (const flow of ids) {
      const names = new FlowNames(flow);
      const tasks = ids.filter((id) => id !== "dead").map((id) => [id, names.stream(id)] as const);
      for (const [task, stream] of [...tasks, ["dead letters", names.deadStream] as const]) {
        assert.equal(streams.get(stream), undefined, `${stream} is that of ${flow}/${task} too`);
        streams.set(stream, `${flow}/${task}`);
      }
    }
  });

  it("never lets a side out and a task have the same subject", () => {
    const names = new FlowNames("f");
    assert.notEqual(names.edge("t", "a", "b"), names.edge("t", "a-b"));
    assert.notEqual(names.edge("t", "a", "b"), names.edge("t", "a_b"));
  });

  const hostile = [
    "",
    " ",
    "a b",
    "a.b",
    "*",
    ">",
    "a/b",
    "..",
    "é",
    "a\r\nPUB x 0",
    "a\0",
    "a~b",
    "x".repeat(65),
  ];
  for (const text of hostile) {
    it(`refuses ${JSON.stringify(text).slice(0, 20)} everywhere`, () => {
      assert.equal(isToken(text), false);
      assert.throws(() => new FlowNames(text), RangeError);
      const names = new FlowNames("f");
      assert.throws(() => names.stream(text), RangeError);
      assert.throws(() => names.edge("t", text), RangeError);
      assert.throws(() => names.edge("t", "a", text), RangeError);
      assert.throws(() => names.state("finished", text), RangeError);
    });
  }
});
