import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createMemoryBroker } from "../../src/broker/memory/memory_broker.ts";
import { FlowNames } from "../../src/broker/subjects.ts";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { SCHEMA_HEADER } from "../../src/runtime/records/schemas.ts";
import { publish } from "../support/in_process/broker_probes.ts";
import { runFlow } from "../support/in_process/flow.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { ownHost } from "../support/in_process/own_host.ts";

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';
/** More than are kept ready on either side of the Worker. */
const SCHEMAS = 40;
const ROUNDS = 3;

describe("an isolated function", () => {
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make();
    await folder.write("same.ts", "export default ({ n }) => ({ n });");
  });
  after(() => folder.remove());

  for (const bulk of ["{isolate: true}", "{isolate: true, concurrency: 4}"]) {
    it(`reads records of more schemas than are kept ready, with meta ${bulk}`, async () => {
      const flow = "many-schemas";
      const broker = createMemoryBroker();
      const names = new FlowNames(flow);
      const queue = { stream: names.stream("work"), subjects: names.subjects("work") };
      await broker.ensureQueues([{ ...queue, maxBytes: 1 << 24, duplicateWindowMs: 600_000 }]);
      const publisher = broker.publisher();
      const schemas = Array.from({ length: SCHEMAS }, (_, i) =>
        new AvroCodec().parse({
          type: "record",
          name: `s${i}`,
          doc: "x".repeat(60_000),
          fields: [{ name: "n", type: "int" }],
        }));
      const expected: number[] = [];
      for (const schema of schemas) {
        await broker.state.put(names.state("schema", schema.fingerprint), schema.text);
      }
      for (let n = 0; n < SCHEMAS * ROUNDS; n++) {
        const schema = schemas[n % SCHEMAS]!;
        expected.push(n);
        await publish(publisher, {
          subject: names.edge("work", "make"),
          id: `m${n}`,
          body: schema.encode({ n }),
          headers: { [SCHEMA_HEADER]: schema.fingerprint },
        });
      }
      publisher.close();
      const { printed, task } = await runFlow({
        yaml: `
mode: batch
name: ${flow}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${N}', out: [work]}
  - {id: work, type: raw, module: "${
          folder.file("same.ts")
        }", schema: '${N}', meta: ${bulk}, out: [show]}
  - {id: show, type: print}
`,
        broker,
        host: await ownHost(),
        functions: { make: [] },
      });
      await broker.close();
      assert.equal(task("work").counts.errors, 0);
      const read = printed.map((each) => (each as { n: number }).n);
      assert.deepEqual(read.sort((a, b) => a - b), expected);
    });
  }
});
