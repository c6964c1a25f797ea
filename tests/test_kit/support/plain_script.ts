import { createTestKit } from "kflow";

const NUMBER = { type: "record", name: "n", fields: [{ name: "n", type: "int" }] };
const kit = await createTestKit<{ n: number }>({
  function: ({ n }: { n: number }) => ({ n: n * 2 }),
  schemaIn: NUMBER,
  schemaOut: NUMBER,
});
await kit.push({ n: 21 });
await kit.end();
console.log(kit.outputs[0]!.n);
