import process from "node:process";
import { createHandler } from "../../../mod.ts";

const NUMBER = { type: "record", name: "number", fields: [{ name: "value", type: "long" }] };

/** A handler for `deno serve` or Bun, whose task calls are on their way until they have been asked for. `MODULE` is that of an isolated function. */
const handler = createHandler({
  pipeline: {
    name: process.env.FLOW ?? "served",
    dag: [
      { id: "from", type: "raw-source", schema: NUMBER, out: ["same"] },
      {
        id: "same",
        type: "raw",
        schema: NUMBER,
        out: ["show"],
        ...(process.env.MODULE !== undefined && {
          module: process.env.MODULE,
          meta: { isolate: true },
        }),
      },
      { id: "show", type: "print" },
    ],
  },
  functions: process.env.MODULE === undefined ? { same: (record: unknown) => record } : {},
  env: process.env,
  local: true,
});

export default { fetch: handler };
