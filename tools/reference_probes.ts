import { runCommandLine } from "../adapters/shared/cli/command_line.ts";
import { createNodeHost } from "../adapters/shared/node_host.ts";
import {
  parseHttpAddress,
  parseNatsAddress,
  parseStoreAddress,
} from "../src/pipeline/checking/address.ts";
import { Places } from "../src/pipeline/reading/places.ts";
import { Report } from "../src/pipeline/reading/findings.ts";
import { resolveValues } from "../src/pipeline/reading/resolve.ts";
import { code, table } from "./reference_tables.ts";

/** What `kflow COMMAND --help` prints; without a command what `kflow --help` prints. */
export async function helpOf(...command: string[]): Promise<string> {
  let text = "";
  const host = createNodeHost({
    platform: "",
    loadModule: () => Promise.reject(new Error("no modules here")),
    startThread() {
      throw new Error("no threads here");
    },
  });
  const stdout = {
    write: (part: string) => (text += part) !== "",
    drained: () => Promise.resolve(),
    isTerminal: false,
    columns: 100,
  };
  await runCommandLine({ ...host, stdout }, [...command, "--help"]);
  return text.trim();
}

const STORES = [
  "memory:",
  "file:./data",
  "file:///srv/data",
  "minio:9000",
  "http://minio:9000",
  "https://user:secret@s3.example.org",
];
const NATS = [
  "memory:",
  "nats://nats:4222",
  "nats",
  "nats://user:secret@nats:4222",
  "nats://token@nats:4222",
  "ws://nats:8080",
  "wss://nats.example.org/path",
];
const HTTP = ["elastic:9200", "https://elastic.example.org"];

/** Addresses of each kind of server and what the parser makes of them. */
export function addressTable(): string {
  const resolvePath = (path: string) => path.startsWith("/") ? path : `FOLDER/${path.slice(2)}`;
  const stores = STORES.map((text) => {
    const { address, ...credentials } = parseStoreAddress(text, resolvePath);
    const meaning = address.kind === "memory"
      ? "in this process; buckets are made as they are needed"
      : address.kind === "directory"
      ? `folders below ${code(address.path)}, one for each bucket`
      : `S3 at ${code(address.endpoint)}`;
    return ["store", code(text), meaning + withText(credentials)];
  });
  const nats = NATS.map((text) => {
    const { address, ...credentials } = parseNatsAddress(text);
    const meaning = address.kind === "embedded"
      ? "the broker inside the process"
      : `${code(address.url)} ${address.kind === "tcp" ? "over TCP" : "over a websocket"}`;
    return ["NATS", code(text), meaning + withText(credentials)];
  });
  const http = HTTP.map((text) => {
    const { address, ...credentials } = parseHttpAddress(text);
    return ["Elasticsearch", code(text), code(address) + withText(credentials)];
  });
  return table(["of", "address", "is"], [...stores, ...nats, ...http]);
}

function withText(credentials: { user?: string; password?: unknown; token?: unknown }): string {
  const names = Object.entries(credentials).filter(([, value]) => value).map(([name]) => name);
  return names.length === 0 ? "" : `, with ${names.join(" and ")}`;
}

const ENVIRONMENT: Readonly<Record<string, string>> = { HOST: "minio", EMPTY: "" };
const EXPANSIONS = [
  "${HOST}:9000",
  "${PORT}",
  "${PORT:-9000}",
  "${EMPTY}",
  "${EMPTY:-x}",
  "${NAME:-${HOST}}",
  "$${HOST}",
  "${file:/run/secrets/key}",
];

/** Texts with `${…}` and what becomes of them where HOST is `minio`, EMPTY is empty and nothing else is set. */
export async function expansionTable(): Promise<string> {
  const rows: string[][] = [];
  for (const text of EXPANSIONS) {
    const report = new Report(new Places("file"));
    const { value } = await resolveValues(text, {
      report,
      sources: {
        env: (name) => ENVIRONMENT[name],
        resolvePath: (path) => path,
        readText: () => Promise.resolve("its text\n"),
      },
    });
    const [error] = report.errors();
    const becomes = value === "" ? "the empty text" : code(String(value));
    rows.push([code(text), error ? `an error: ${error.problem}` : becomes]);
  }
  return table(["text", "becomes"], rows);
}
