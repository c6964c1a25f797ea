import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "./free_port.ts";
import { serverBinary } from "./server_binary.ts";

const START_MS = 90_000;
const POLL_MS = 100;
const TRIES = 5;
/** The runner takes HTTP ports of this range only. */
const FIRST_PORT = 9201;
const LAST_PORT = 9299;

export interface OpenSearchOptions {
  /** Lines of `opensearch.yml`. */
  config?: string;
}

export interface OpenSearchServer {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  /** Ends the server at once and removes its data. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL; the data stay. */
  kill(): Promise<void>;
  /** Starts again after `kill`, on the same address and data; returns when it takes documents. */
  restart(): Promise<void>;
  /** Asks for JSON. @throws {Error} if the answer is none of success. */
  ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** The documents of an index: sources by id. Makes them visible first. */
  documents(index: string): Promise<Map<string, Record<string, unknown>>>;
}

/** Starts an OpenSearch node with a port and a data folder of its own; returns when it takes documents. */
export async function startOpenSearch(options: OpenSearchOptions = {}): Promise<OpenSearchServer> {
  const jars = join(serverBinary("opensearch"), "lib", "*");
  const folder = await mkdtemp(join(tmpdir(), "kflow-opensearch-"));
  const config = join(folder, "node_1", "config");
  await mkdir(config, { recursive: true });
  // Left to itself a node looks for others on this machine.
  await writeFile(
    join(config, "opensearch.yml"),
    `discovery.type: single-node\ntransport.port: ${await freePort()}\n${options.config ?? ""}\n`,
  );
  let child: ChildProcess | undefined;

  /** False if the port was taken meanwhile. */
  async function start(port: number): Promise<boolean> {
    const started = spawn("java", [
      "-Xmx512m",
      // It lives for seconds: compiling well does not pay.
      "-XX:TieredStopAtLevel=1",
      "-cp",
      jars,
      "org.codelibs.opensearch.runner.OpenSearchRunner",
      "-basePath",
      folder,
      "-numOfNode",
      "1",
      "-clusterName",
      `kflow-${port}-${process.pid}`,
      "-baseHttpPort",
      String(port - 1),
    ], { stdio: ["ignore", "pipe", "pipe"] });
    child = started;
    let output = "";
    for (const stream of [started.stdout, started.stderr]) {
      stream.on("data", (text: Uint8Array) => {
        output = (output + new TextDecoder().decode(text)).slice(-8_000);
      });
    }
    const endpoint = `http://127.0.0.1:${port}`;
    const deadline = Date.now() + START_MS;
    while (!await isReady(endpoint)) {
      const other = /AbstractHttpServerTransport.*publish_address \{127\.0\.0\.1:(\d+)\}/.exec(
        output,
      );
      if (started.exitCode !== null || (other && Number(other[1]) !== port)) {
        await end();
        return false;
      }
      if (Date.now() > deadline) {
        await end();
        throw new Error(`Cannot start OpenSearch on ${endpoint}: it does not answer\n${output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    // Somebody else's may have answered.
    if (started.exitCode === null) return true;
    child = undefined;
    return false;
  }

  async function end(): Promise<void> {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => ending.once("exit", () => resolve()));
    ending.kill("SIGKILL");
    await gone;
  }

  let port = 0;
  try {
    for (let tried = 1;; tried++) {
      port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
      if (!await isTaken(port) && await start(port)) break;
      if (tried === TRIES) throw new Error(`Cannot start OpenSearch after ${tried} tries`);
    }
  } catch (error) {
    await end();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const endpoint = `http://127.0.0.1:${port}`;

  async function ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(endpoint + path, {
      method,
      headers: { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  return {
    endpoint,
    ask,
    async documents(index) {
      await ask("POST", `/${index}/_refresh`);
      const found = await ask("GET", `/${index}/_search?size=10000`);
      const { hits } = found.hits as {
        hits: { _id: string; _source: Record<string, unknown> }[];
      };
      return new Map(hits.map(({ _id, _source }) => [_id, _source]));
    },
    async stop() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
    kill: end,
    async restart() {
      if (!await start(port)) throw new Error(`Cannot start OpenSearch again on ${endpoint}`);
    },
  };
}

async function isReady(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/_cluster/health?wait_for_status=yellow&timeout=1s`, {
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function isTaken(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
