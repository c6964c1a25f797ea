import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const OUT =
  '{"type":"record","name":"out","fields":[{"name":"n","type":"int"},{"name":"raw","type":["null","bytes"]},{"name":"x","type":["null","double"]}]}';
const IN = '{"type":"record","name":"in","fields":[{"name":"n","type":"int"}]}';

/** What a function returns for a record, and what its dead letter says; without that it is no mistake, and `outputs` come of it. */
const RETURNED: readonly {
  what: string;
  value: unknown;
  says?: RegExp;
  outputs?: number;
}[] = [
  { what: "undefined", value: undefined, outputs: 0 },
  { what: "null", value: null, outputs: 0 },
  { what: "an empty list", value: [], outputs: 0 },
  { what: "a list of records", value: [{ n: 1 }, { n: 2 }], outputs: 2 },
  { what: "a Uint8Array for bytes", value: { n: 1, raw: new Uint8Array([1, 2]) }, outputs: 1 },
  { what: "NaN for a double", value: { n: 1, x: NaN }, outputs: 1 },
  { what: "a number", value: 5, says: /expected record out, got 5/ },
  { what: "a text", value: "text", says: /expected record out, got "text"/ },
  { what: "true", value: true, says: /expected record out, got true/ },
  { what: "a function", value: () => {}, says: /expected record out, got/ },
  {
    what: "a list with null in it",
    value: [{ n: 1 }, null],
    says: /^What task "work" returned at \[1\] does not fit its schema: out: expected record out/,
  },
  { what: "a list in a list", value: [[{ n: 1 }]], says: /expected record out/ },
  { what: "a record without a field", value: {}, says: /n: missing, expected int/ },
  {
    what: "a wrong field",
    value: { n: "1" },
    says: /^What task "work" returned does not fit its schema: n: expected int, got "1"$/,
  },
  {
    what: "three wrong fields",
    value: { n: "1", x: "2", odd: 3 },
    says:
      /: 3 values do not fit: n: expected int, got "1"; x: expected null or double, got "2"; odd: out has no such field; fields are n, raw and x$/,
  },
  { what: "NaN for an int", value: { n: NaN }, says: /n: expected int, got NaN/ },
  { what: "a field too many", value: { n: 1, m: 2 }, says: /m: out has no such field/ },
  { what: "text for bytes", value: { n: 1, raw: "a" }, says: /raw: expected null or bytes/ },
  { what: "a promise in a field", value: { n: Promise.resolve(1) }, says: /n: expected int/ },
];

onBothBrokers("what a function returns", (given) => {
  it(
    "is published or becomes a dead letter that names the field, and delays no other record",
    async () => {
      const { report, printed, logged } = await runFlow({
        yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./m.ts, schema: '${IN}', out: [work]}
  - {id: work, type: raw, module: ./m.ts, schema: '${OUT}', out: [show], meta: {max.attempts: 1}}
  - {id: show, type: print}
`,
        broker: given.broker,
        functions: {
          make: RETURNED.map((_each, n) => ({ n })),
          work: ({ n }: { n: number }) => RETURNED[n]!.value,
        },
      });
      const dead = new Map(
        logged.filter(({ message }) => message === "Record is a dead letter")
          .map(({ sequence, error }) => [Number(sequence) - 1, String(error)]),
      );
      for (const [n, { what, says }] of RETURNED.entries()) {
        if (says === undefined) assert.equal(dead.get(n), undefined, what);
        else assert.match(dead.get(n) ?? "no dead letter", says, what);
      }
      const outputs = RETURNED.reduce((sum, each) => sum + (each.outputs ?? 0), 0);
      assert.equal(printed.length, outputs, JSON.stringify(printed));
      assert.ok(report.finished);
    },
  );
});
