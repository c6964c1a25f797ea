import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePortBelow } from "./free_port.ts";
import { serverBinary } from "./server_binary.ts";
import { onFreePorts, PortTaken, ServerProcess } from "./server_process.ts";

const START_MS = 90_000;
/** The runner accepts no HTTP port above 9299. */
const PORT_LIMIT = 9300;

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

/** Starts an OpenSearch node with ports and a data folder of its own; returns when it takes documents. */
export async function startOpenSearch(options: OpenSearchOptions = {}): Promise<OpenSearchServer> {
  const jars = join(serverBinary("opensearch"), "lib", "*");
  const folder = await mkdtemp(join(tmpdir(), "kflow-opensearch-"));
  const config = join(folder, "node_1", "config");
  const server = new ServerProcess();
  const cluster = `kflow-${crypto.randomUUID()}`;

  async function start(port: number): Promise<void> {
    const endpoint = `http://127.0.0.1:${port}`;
    await server.start({
      command: "java",
      args: [
        "-Xmx512m",
        // It lives for seconds: compiling well does not pay.
        "-XX:TieredStopAtLevel=1",
        "-cp",
        jars,
        "org.codelibs.opensearch.runner.OpenSearchRunner",
        ...["-basePath", folder, "-numOfNode", "1", "-clusterName", cluster],
        ...["-baseHttpPort", String(port - 1)],
      ],
      withinMs: START_MS,
      async isReady(output) {
        // It moves on to the next port if its own is taken.
        const [, own] =
          /AbstractHttpServerTransport.*publish_address \{[^}]*:(\d+)\}/.exec(output) ??
            [];
        if (own !== undefined && Number(own) !== port) throw new PortTaken(output);
        return await takesDocuments(endpoint, cluster);
      },
    });
  }

  let endpoint = "";
  let restart = async () => {};
  try {
    await mkdir(config, { recursive: true });
    await onFreePorts(2, async (port, transportPort) => {
      // Left to itself a node looks for others on this machine.
      await writeFile(
        join(config, "opensearch.yml"),
        `discovery.type: single-node\ntransport.port: ${transportPort}\n${options.config ?? ""}\n`,
      );
      await start(port!);
      endpoint = `http://127.0.0.1:${port}`;
      restart = () => start(port!);
    }, () => freePortBelow(PORT_LIMIT));
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }

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
      await server.end("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
    kill: () => server.end("SIGKILL"),
    restart: () => restart(),
  };
}

/** Whether it takes documents, and is ours: another cluster may have the port. */
async function takesDocuments(endpoint: string, cluster: string): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/_cluster/health?wait_for_status=yellow&timeout=1s`, {
      signal: AbortSignal.timeout(2_000),
    });
    const health = await response.json();
    return response.status === 200 && health.cluster_name === cluster;
  } catch {
    return false;
  }
}
