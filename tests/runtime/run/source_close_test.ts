import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { StoreError } from "../../../src/store/store.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const PIPELINE = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "s3a://docs", out: [show]}
  - {id: show, type: print}
`;

describe("close() of a source", () => {
  it("is called when the source fails, and the source's own error is reported", async () => {
    let closed = 0;
    const source = {
      run: () => Promise.reject(new StoreError("Cannot list", { kind: "denied" })),
      close: () => Promise.resolve(void closed++),
    };
    const run = runFlow({ yaml: PIPELINE, tasks: { list: { kind: "source", source } } });
    await assert.rejects(run, /Cannot list/);
    assert.equal(closed, 1);
  });
});
