import { runCommandLine } from "../adapters/shared/command_line.ts";
import { createNodeHost } from "../adapters/shared/node_host.ts";
import { unsupportedIn } from "../src/functions/registry.ts";
import { parseHttpAddress, parseNatsAddress, parseStoreAddress } from "../src/pipeline/address.ts";
import { loadPlan } from "../src/pipeline/load_plan.ts";
import { Places } from "../src/pipeline/places.ts";
import { type Plan, TASK_TYPES } from "../src/pipeline/plan.ts";
import { Report } from "../src/pipeline/report.ts";
import { resolveValues } from "../src/pipeline/resolve.ts";
import { code, table } from "./reference_tables.ts";

/** Everything that a file can ask for, whether this version runs it or not. */
const EVERYTHING = `
globalConfig:
  store: {addr: "memory:"}
  sideStream: {enabled: true, errorTopics: kflow-error.error}
dag:
  - {id: a, type: fs-source, topics: "s3a://docs", out: [d, e]}
  - {id: b, type: raw-source, module: ./b.ts, out: [d], sideOuts: [{id: s, schema: {type: record, name: s, fields: []}}]}
  - {id: c, type: nats-source, addr: "nats://h:4222", topics: s.x, out: [d], schema: {type: record, name: c, fields: []}}
  - {id: d, type: raw, module: ./d.ts, meta: {bulk.enabled: true, bulk.flush.timer: 1, bulk.flush.size: 1}, out: [f, g, h, i]}
  - {id: e, type: raw, module: ./e.ts, meta: {ack.manual: true}, out: [f]}
  - {id: f, type: s3-sink, topics: "s3a://results", format: ndjson}
  - {id: g, type: s3-sink, topics: "s3a://results", format: avro}
  - {id: h, type: elastic-sink, addr: "h:9200", topics: index}
  - {id: i, type: print}
`;

/** What is checked and refused by `run` and `worker`, in their own words. */
export async function notRun(): Promise<string[]> {
  const plan = await load(EVERYTHING);
  const absent = TASK_TYPES.filter((type) => !plan.tasks.some((task) => task.type === type));
  if (absent.length > 0) {
    throw new Error(`Add ${absent.join(", ")} to the pipeline with everything`);
  }
  const found = unsupportedIn(plan, plan.tasks).map(({ problem }) =>
    /" has (.*), which this version/.exec(problem)?.[1] ?? problem
  );
  return [...new Set(found)].sort();
}

async function load(text: string): Promise<Plan> {
  const { plan, errors } = await loadPlan({
    file: "everything.yaml",
    text,
    folder: "/",
    env: () => undefined,
    resolvePath: (path) => path,
    readText: () => Promise.reject(new Error("ENOENT")),
  });
  if (plan === undefined) throw new Error(JSON.stringify(errors));
  return plan;
}

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
  const stdout = { write: (part: string) => void (text += part), isTerminal: false, columns: 100 };
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
