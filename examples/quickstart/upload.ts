// Copies data/docs into the bucket "docs" of the S3 server at KFLOW_STORE_ADDR, so that the same pipeline runs on servers.
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { S3Store, Secret } from "kflow";

const { KFLOW_STORE_ADDR, KFLOW_STORE_USER, KFLOW_STORE_PASSWORD = "" } = process.env;
if (!KFLOW_STORE_ADDR) {
  console.error("Set KFLOW_STORE_ADDR to the address of the server, such as http://localhost:9000");
  process.exit(2);
}

const store = new S3Store({
  endpoint: KFLOW_STORE_ADDR,
  user: KFLOW_STORE_USER,
  password: new Secret(KFLOW_STORE_PASSWORD),
});
const folder = fileURLToPath(new URL("data/docs/", import.meta.url));
let copied = 0;
for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = `${entry.parentPath}/${entry.name}`;
  const key = path.slice(folder.length).replace(/^\//, "");
  await store.put("docs", key, await readFile(path));
  copied++;
}
await store.close();
console.log(`Copied ${copied} documents to bucket "docs" at ${store.address}`);
