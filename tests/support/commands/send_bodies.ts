// Sends bodies of 5 MiB to an address, by the fetch that is named, and prints by how many bytes the process grew meanwhile. Arguments: plain|lean URL.
import process from "node:process";
import { createLeanFetch } from "../../../adapters/deno/lean_fetch.ts";

const BODIES = 60;

const [kind, url] = process.argv.slice(2);
const send = kind === "lean" ? createLeanFetch() : fetch;
const body = new Uint8Array(5 << 20).fill(1);
const before = process.memoryUsage().rss;
let most = before;
for (let i = 0; i < BODIES; i++) {
  const answer = await send(url!, { method: "PUT", body });
  await answer.body?.cancel();
  most = Math.max(most, process.memoryUsage().rss);
}
console.log(most - before);
