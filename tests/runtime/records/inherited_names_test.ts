import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { fillTemplate } from "../../../src/task_types/fill_template.ts";
import { Partition, PARTITION_HEADER } from "../../../src/runtime/records/partition.ts";
import type { OpenContext } from "../../../mod.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const NAMES = ["constructor", "hasOwnProperty", "toString", "valueOf", "__proto__"];
const N = '{"type": "record", "name": "n", "fields": [{"name": "valueOf", "type": "int"}]}';

describe("names that every object inherits", () => {
  for (const [i, name] of NAMES.entries()) {
    const sideOut = NAMES[(i + 1) % NAMES.length]!;

    it(`run a flow with a task, a variable and a meta key "${name}" and a side out "${sideOut}"`, async () => {
      const taken: unknown[] = [];
      const seen: unknown[] = [];
      const meta = name === "__proto__" ? "{}" : `{${name}: 5}`;
      await runFlow({
        yaml: `
mode: batch
name: ${name}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${N}', out: [${name}]}
  - id: ${name}
    type: raw
    module: ./x.ts
    meta: ${meta}
    env: [{name: ${name}, value: "x"}]
    schema: '${N}'
    sideOuts: [{id: ${sideOut}, schema: '${N}', out: [side]}]
    out: [main]
  - {id: main, type: raw, module: ./x.ts}
  - {id: side, type: raw, module: ./x.ts}
`,
        functions: Object.fromEntries([
          ["make", [{ valueOf: 7 }]],
          [name, {
            open: (ctx: OpenContext) => {
              seen.push(ctx.schemaIn.make, ctx.meta.get(name), ctx.meta.has("isPrototypeOf"));
            },
            process: (record: object, ctx: { toSideStream(id: string, record: object): void }) => {
              ctx.toSideStream(sideOut, record);
              return record;
            },
          }],
          ["main", {
            open: (ctx: OpenContext) => void seen.push(Object.keys(ctx.schemaIn)),
            process: (record: object) => void taken.push(record),
          }],
          ["side", {
            open: (ctx: OpenContext) => void seen.push(Object.keys(ctx.schemaIn)),
            process: (record: object) => void taken.push(record),
          }],
        ]),
      });
      assert.deepEqual(taken, [{ valueOf: 7 }, { valueOf: 7 }]);
      assert.equal(seen.length, 5);
      assert.ok(seen.some((keys) => Array.isArray(keys) && keys[0] === name));
      assert.ok(seen.some((keys) => Array.isArray(keys) && keys[0] === `${name}.${sideOut}`));
    });

    it(`are missing from a template where the record has no field "${name}"`, () => {
      assert.throws(() => fillTemplate(`{${name}}`, {}), /is missing/);
      const record = Object.fromEntries([[name, "x"]]);
      assert.equal(fillTemplate(`{${name}}.json`, record), "x.json");
    });
  }

  it("partition by the default where the record lacks the field", () => {
    const schema = new AvroCodec().parse({
      type: "record",
      name: "p",
      fields: [{ name: "constructor", type: "string", default: "none" }],
    });
    const partition = new Partition("constructor", { schema, headers: {} });
    assert.equal(partition.headersOf({})[PARTITION_HEADER], "none");
    assert.equal(partition.headersOf({ constructor: "a" })[PARTITION_HEADER], "a");
  });
});
