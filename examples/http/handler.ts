import process from "node:process";
import { createHandler } from "kflow";
import celsius from "./celsius.ts";

const pipeline = await (await fetch(new URL("pipeline.yaml", import.meta.url))).text();

/**
 * The pipeline as an HTTP handler. A token comes from `KFLOW_HTTP_TOKEN`, a NATS server, if there is one, from `KFLOW_NATS_ADDR`. Without a token only
 * programs on this machine may call it: the servers beside this file listen on 127.0.0.1.
 */
export const handler = createHandler({
  pipeline,
  functions: { celsius },
  env: process.env,
  local: true,
});
