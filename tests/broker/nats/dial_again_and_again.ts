// Connects to NATS at the URL in its first argument as often as the second says, and prints how often it was refused. An error that no listener hears ends it.
import process from "node:process";
import { dialNats } from "../../../src/broker/nats/wire/client.ts";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import { openSocket } from "../../../adapters/deno/open_socket.ts";

const [, , url = "", times = ""] = process.argv;
let refused = 0;
const reasons = new Set<string>();
await Promise.all(Array.from({ length: Number(times) }, async () => {
  const isSocket = url.startsWith("wss:");
  await dialNats({
    url,
    kind: isSocket ? "websocket" : "tcp",
    name: "test",
    dial: dialTcp,
    ...("Deno" in globalThis && { openSocket: (url: string) => Promise.resolve(openSocket(url)) }),
  }).then(async (connection) => {
    await connection.closed();
    await connection.close();
  }, (error: Error) => {
    refused++;
    reasons.add(error.message);
  });
}));
console.log(`${refused} refused: ${[...reasons].join(", ")}`);
process.exit(0);
