import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "./free_port.ts";
import { newSecret } from "./run_record.ts";
import { serverBinary } from "./server_binary.ts";

const START_MS = 30_000;
const POLL_MS = 50;

export interface MinioServer {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  readonly user: string;
  readonly password: string;
  readonly pid: number;
  /** Ends the server at once and removes its data. Safe to call twice. */
  stop(): Promise<void>;
  /** SIGKILL; the data stay. */
  kill(): Promise<void>;
  /** Starts again after `kill`, on the same address and data; returns when it answers. */
  restart(): Promise<void>;
}

export interface MinioOptions {
  /** Where bucket notifications with the target `WEBHOOK_ARN` go, with the token as bearer token. @default nowhere */
  webhook?: { url: string; token: string };
}

/** Names the webhook in the notification configuration of a bucket. */
export const WEBHOOK_ARN = "arn:minio:sqs::PRIMARY:webhook";

/** Starts a MinIO server with a data folder and credentials of its own; returns when it answers. */
export async function startMinio({ webhook }: MinioOptions = {}): Promise<MinioServer> {
  const binary = serverBinary("minio");
  const folder = await mkdtemp(join(tmpdir(), "kflow-minio-"));
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const user = `user-${crypto.randomUUID().slice(0, 8)}`;
  const password = newSecret();
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const port = await freePort();
    const args = ["server", folder, "--address", endpoint.slice("http://".length)];
    const started = spawn(binary, [...args, "--console-address", `127.0.0.1:${port}`], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        MINIO_ROOT_USER: user,
        MINIO_ROOT_PASSWORD: password,
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
        ...(webhook !== undefined && {
          MINIO_NOTIFY_WEBHOOK_ENABLE_PRIMARY: "on",
          MINIO_NOTIFY_WEBHOOK_ENDPOINT_PRIMARY: webhook.url,
          MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_PRIMARY: webhook.token,
        }),
      },
    });
    child = started;
    let output = "";
    for (const stream of [started.stdout, started.stderr]) {
      stream.on("data", (text: Uint8Array) => {
        output = (output + new TextDecoder().decode(text)).slice(-4_000);
      });
    }
    const deadline = Date.now() + START_MS;
    while (!await answers(endpoint)) {
      if (started.exitCode !== null || Date.now() > deadline) {
        await end();
        throw new Error(`Cannot start ${binary} on ${endpoint}: it does not answer\n${output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async function end(): Promise<void> {
    const ending = child;
    child = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => ending.once("exit", () => resolve()));
    ending.kill("SIGKILL");
    await gone;
  }

  try {
    await start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    endpoint,
    user,
    password,
    get pid() {
      return child?.pid ?? 0;
    },
    async stop() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
    kill: end,
    restart: start,
  };
}

/** The health address answers before buckets can be used; a refusal for lack of a signature is what shows that they can. */
async function answers(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/no-bucket?list-type=2`, {
      signal: AbortSignal.timeout(1_000),
    });
    await response.body?.cancel();
    return response.status === 403;
  } catch {
    return false;
  }
}
