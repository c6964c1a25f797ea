import process from "node:process";

/** Prints how long it takes from the import of a handler to its first answer, ms. */
const [, , which] = process.argv;
const started = performance.now();
const handler = which === "hono" ? await emptyHono() : await doubling();
const response = await handler(
  new Request("http://localhost/tasks/double", {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: "Bearer token" },
    body: '{"value":21}',
  }),
);
const text = await response.text();
console.log(JSON.stringify({ milliseconds: performance.now() - started, text }));
process.exit(0);

async function emptyHono(): Promise<(request: Request) => Promise<Response>> {
  const { Hono } = await import("hono");
  const app = new Hono().post("/tasks/:id", (c) => c.json({ outputs: [{ value: 42 }] }));
  return async (request) => await app.fetch(request);
}

async function doubling(): Promise<(request: Request) => Promise<Response>> {
  const { createHandler } = await import("../../mod.ts");
  const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };
  return createHandler({
    token: "token",
    pipeline: {
      dag: [
        { id: "from", type: "raw-source", schema: NUMBER, out: ["double"] },
        { id: "double", type: "raw", schema: NUMBER, out: ["show"] },
        { id: "show", type: "print" },
      ],
    },
    functions: { double: ({ value }: { value: number }) => ({ value: value * 2 }) },
  });
}
