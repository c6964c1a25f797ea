import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BrokerError } from "../../../src/broker/broker.ts";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const YAML = `
mode: batch
name: forgotten
dag:
  - id: numbers
    type: raw-source
    module: ./numbers.ts
    schema: |
      {"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}
    out: [show]
  - id: show
    type: print
`;

describe("a run that cannot be continued", () => {
  it("succeeds though its marks cannot be removed from the broker", async () => {
    const broker = createMemoryBroker();
    broker.state.delete = () => Promise.reject(new BrokerError("no answer", { isAway: true }));
    const { report, printed, logged } = await runFlow({
      yaml: YAML,
      functions: { numbers: [{ n: 1 }, { n: 2 }] },
      broker,
      forgetRun: true,
    });
    assert.equal(report.finished, true);
    assert.deepEqual(printed, [{ n: 1 }, { n: 2 }]);
    const warnings = logged.filter(({ level }) => level === "WARNING");
    assert.deepEqual(warnings.map(({ message, reason }) => [message, reason]), [
      ["Cannot remove the marks of the finished run; they do no harm", "no answer"],
    ]);
  });
});
