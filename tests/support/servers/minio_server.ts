import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Timing } from "../../../src/store/s3/request.ts";
import { newSecret } from "../run_record.ts";
import { type S3Account, s3Request } from "./s3_requests.ts";
import { serverBinary } from "./server_binary.ts";
import { onFreePorts, ServerProcess } from "./server_process.ts";

const START_MS = 30_000;

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
  /** Where bucket notifications that `notifyWebhook()` asks for go, with the token as bearer token. @default nowhere */
  webhook?: { url: string; token: string };
}

/** Names the webhook in the notification configuration of a bucket. */
const WEBHOOK_ARN = "arn:minio:sqs::PRIMARY:webhook";

/** Starts a MinIO server with a data folder and credentials of its own; returns when it does what tests ask of it. */
export async function startMinio({ webhook }: MinioOptions = {}): Promise<MinioServer> {
  const command = serverBinary("minio");
  const folder = await mkdtemp(join(tmpdir(), "kflow-minio-"));
  const user = `user-${crypto.randomUUID().slice(0, 8)}`;
  const password = newSecret();
  const server = new ServerProcess();
  const env = {
    MINIO_ROOT_USER: user,
    MINIO_ROOT_PASSWORD: password,
    MINIO_BROWSER: "off",
    MINIO_UPDATE: "off",
    ...(webhook !== undefined && {
      MINIO_NOTIFY_WEBHOOK_ENABLE_PRIMARY: "on",
      MINIO_NOTIFY_WEBHOOK_ENDPOINT_PRIMARY: webhook.url,
      MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_PRIMARY: webhook.token,
    }),
  };
  try {
    return await onFreePorts(2, async (port, consolePort) => {
      const account = { endpoint: `http://127.0.0.1:${port}`, user, password };
      const addresses = ["--address", `127.0.0.1:${port}`];
      addresses.push("--console-address", `127.0.0.1:${consolePort}`);
      const start = async () =>
        await server.start({
          command,
          args: ["server", folder, ...addresses],
          env,
          withinMs: START_MS,
          isReady: () => isReady(account, webhook !== undefined),
        });
      await start();
      return {
        ...account,
        get pid() {
          return server.pid;
        },
        async stop() {
          await server.end("SIGKILL");
          await rm(folder, { recursive: true, force: true });
        },
        kill: () => server.end("SIGKILL"),
        restart: start,
      };
    });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Whether it makes a bucket, with these credentials and so as no other server would, and knows its webhook. It answers before it
 * does either: 403, 503, or 400 "A specified destination ARN does not exist".
 */
async function isReady(account: S3Account, hasWebhook: boolean): Promise<boolean> {
  const bucket = `ready-${crypto.randomUUID()}`;
  const once = { tries: 1, totalMs: 2_000 };
  try {
    await s3Request(account, { method: "PUT", bucket }, once);
    if (hasWebhook) await notifyWebhook(account, bucket, ["s3:ObjectCreated:*"], once);
    await s3Request(account, { method: "DELETE", bucket }, once);
    return true;
  } catch {
    return false;
  }
}

/** Lets the webhook know of what happens in a bucket. */
export async function notifyWebhook(
  account: S3Account,
  bucket: string,
  events: readonly string[],
  timing?: S3Timing,
): Promise<void> {
  const configuration = `<NotificationConfiguration><QueueConfiguration><Id>1</Id>` +
    `<Queue>${WEBHOOK_ARN}</Queue>${events.map((event) => `<Event>${event}</Event>`).join("")}` +
    `</QueueConfiguration></NotificationConfiguration>`;
  await s3Request(account, {
    method: "PUT",
    bucket,
    query: { notification: "" },
    body: new TextEncoder().encode(configuration),
  }, timing);
}
