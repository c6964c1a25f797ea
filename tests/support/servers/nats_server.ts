import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectClient } from "nats";
import { within } from "../waiting.ts";
import { recordStored } from "../run_record.ts";
import { serverBinary } from "./server_binary.ts";
import { onFreePorts, ServerProcess } from "./server_process.ts";
import { storedText } from "./stored_text.ts";

const START_MS = 15_000;
/** A cluster in which some server is away may have no leader for what is read. */
const STORED_MS = 20_000;

export interface NatsServerOptions {
  /** `"2.9"`: the oldest that must work. @default the newest */
  version?: "2.9";
  /** Of the only user. @default anybody may come in */
  user?: string;
  password?: string;
  /** What that user may not subscribe to. */
  denied?: string;
  /** @default true */
  jetStream?: boolean;
  /** Block `tls { … }` for both ports. @default plain connections */
  tls?: string;
  /** Bytes that streams can reserve. @default 1 TiB */
  maxFileStore?: number;
  /** Lines to add to the configuration file. */
  config?: string;
}

export interface NatsServer {
  /** `ws://127.0.0.1:port` */
  readonly wsUrl: string;
  /** `nats://127.0.0.1:port` */
  readonly tcpUrl: string;
  readonly wsPort: number;
  readonly tcpPort: number;
  readonly pid: number;
  /** Ends the server and removes its data. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL; the data stay. */
  kill(): Promise<void>;
  /** Starts again after `kill`, on the same ports and data; returns when it answers. */
  restart(): Promise<void>;
}

/** Starts a NATS server with ports and a data folder of its own; returns when it answers. */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const command = serverBinary(options.version === "2.9" ? "nats-server-2.9" : "nats-server");
  const folder = await mkdtemp(join(tmpdir(), "kflow-nats-"));
  const server = new ServerProcess();
  try {
    return await onFreePorts(2, async (tcpPort, wsPort) => {
      const place = { folder, tcpPort: tcpPort!, wsPort: wsPort! };
      const file = join(folder, "server.conf");
      await writeFile(file, configuration(options, place));
      const start = async () =>
        await server.start({
          command,
          args: ["-c", file],
          withinMs: START_MS,
          isReady: async (output) =>
            output.includes("Server is ready") && await greets(place.tcpPort),
        });
      await start();
      return serverOf(server, { start, options, ...place });
    });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Place {
  readonly folder: string;
  readonly tcpPort: number;
  readonly wsPort: number;
}

function serverOf(
  server: ServerProcess,
  { folder, tcpPort, wsPort, start, options }: Place & {
    start: () => Promise<void>;
    options: NatsServerOptions;
  },
): NatsServer {
  return {
    wsUrl: `ws://127.0.0.1:${wsPort}`,
    tcpUrl: `nats://127.0.0.1:${tcpPort}`,
    wsPort,
    tcpPort,
    get pid() {
      return server.pid;
    },
    async stop() {
      if (server.pid !== 0) await recordStored(() => left(options, tcpPort));
      await server.end("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
    kill: () => server.end("SIGKILL"),
    restart: start,
  };
}

/** What its streams hold. Nothing of a server that lets nobody in any more, or has a configuration of its own for that. */
async function left({ user, password }: NatsServerOptions, port: number): Promise<string> {
  try {
    const servers = `127.0.0.1:${port}`;
    const client = await connectClient({ servers, user, pass: password, timeout: 1_000 });
    try {
      return await within(storedText(client), STORED_MS, "all of what a server has stored");
    } finally {
      await client.close();
    }
  } catch {
    return "";
  }
}

function configuration(
  options: NatsServerOptions,
  place: Place,
): string {
  const { user, password, denied, jetStream = true, maxFileStore = 2 ** 40, tls, config = "" } =
    options;
  const lines = [
    `listen: "127.0.0.1:${place.tcpPort}"`,
    `websocket { listen: "127.0.0.1:${place.wsPort}", ${tls ?? "no_tls: true"} }`,
    tls ?? "",
    jetStream
      ? `jetstream { store_dir: ${JSON.stringify(place.folder)}, max_file_store: ${maxFileStore} }`
      : "",
    user === undefined
      ? ""
      : `authorization { users: [{ user: ${JSON.stringify(user)}, password: ${
        JSON.stringify(password)
      }${denied === undefined ? "" : `, permissions { subscribe { deny: "${denied}" } }`} }] }`,
    config,
  ];
  return lines.join("\n") + "\n";
}

/** Whether a NATS server says its first line. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once("error", () => end(false));
    socket.once("data", () => end(true));
  });
}
