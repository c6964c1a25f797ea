import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectClient } from "nats";
import { within } from "./broker_probes.ts";
import { freePort } from "./free_port.ts";
import { recordStored } from "./run_record.ts";
import { serverBinary } from "./server_binary.ts";
import { storedText } from "./stored_text.ts";

const START_MS = 15_000;
const POLL_MS = 20;
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
  const binary = serverBinary(options.version === "2.9" ? "nats-server-2.9" : "nats-server");
  const folder = await mkdtemp(join(tmpdir(), "kflow-nats-"));
  const tcpPort = await freePort();
  const wsPort = await freePort();
  const file = join(folder, "server.conf");
  await writeFile(file, configuration(options, { folder, tcpPort, wsPort }));
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const started = spawn(binary, ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    child = started;
    let output = "";
    started.stderr.on("data", (text: Uint8Array) => {
      output = (output + new TextDecoder().decode(text)).slice(-4_000);
    });
    const deadline = Date.now() + START_MS;
    while (!(await greets(tcpPort) && output.includes("Server is ready"))) {
      if (started.exitCode !== null || Date.now() > deadline) {
        await end("SIGKILL");
        throw new Error(`Cannot start ${binary} on port ${tcpPort}: it does not answer\n${output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => ending.once("exit", () => resolve()));
    ending.kill(signal);
    const timer = setTimeout(() => ending.kill("SIGKILL"), 5_000);
    await gone;
    clearTimeout(timer);
  }

  try {
    await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    wsUrl: `ws://127.0.0.1:${wsPort}`,
    tcpUrl: `nats://127.0.0.1:${tcpPort}`,
    wsPort,
    tcpPort,
    get pid() {
      return child?.pid ?? 0;
    },
    async stop() {
      if (child !== undefined) await recordStored(() => left(options, tcpPort));
      await end("SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
    kill: () => end("SIGKILL"),
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
  place: { folder: string; tcpPort: number; wsPort: number },
): string {
  const { user, password, denied, jetStream = true, config = "" } = options;
  const lines = [
    `listen: "127.0.0.1:${place.tcpPort}"`,
    `websocket { listen: "127.0.0.1:${place.wsPort}", no_tls: true }`,
    jetStream ? `jetstream { store_dir: ${JSON.stringify(place.folder)} }` : "",
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
