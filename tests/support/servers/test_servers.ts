import { connect, type JetStreamManager, type JsMsg, type NatsConnection } from "nats";
import { reasonOf } from "../../../src/base/errors.ts";
import { Secret } from "../../../src/base/secret.ts";
import { S3Store } from "../../../src/store/s3/s3_store.ts";
import { ForeignS3 } from "./foreign_s3.ts";
import { type MinioOptions, type MinioServer, startMinio } from "./minio_server.ts";
import { NatsCluster } from "./nats_cluster.ts";
import { type NatsServer, startNats } from "./nats_server.ts";
import { newSecret } from "../run_record.ts";
import { makeBucket } from "./s3_requests.ts";

/** A message of a stream, as a plain client sees it. */
export interface StoredMessage {
  readonly subject: string;
  readonly id: string | undefined;
  readonly body: Uint8Array;
  readonly headers: Record<string, string>;
}

/** None of a message whose headers this client does not understand. */
function headersOf(message: JsMsg): Record<string, string> {
  try {
    const { headers } = message;
    return Object.fromEntries([...headers?.keys() ?? []].map((name) => [name, headers!.get(name)]));
  } catch {
    return {};
  }
}

/** A NATS and an S3 server with passwords, and plain clients that look at what kflow has done there. */
export class TestServers {
  readonly natsUser = "flow";
  readonly natsPassword: string;
  readonly #clients: NatsConnection[] = [];
  #manager?: JetStreamManager;
  readonly #reader: ForeignS3;
  /** To fill buckets. */
  readonly store: S3Store;

  private constructor(
    readonly nats: NatsServer,
    readonly minio: MinioServer,
    natsPassword: string,
    /** Present if `nats` is one of several. */
    readonly cluster?: NatsCluster,
  ) {
    this.natsPassword = natsPassword;
    const { endpoint, user, password } = minio;
    this.#reader = new ForeignS3(minio);
    this.store = new S3Store({ endpoint, user, password: new Secret(password) });
  }

  static async start(options: MinioOptions = {}): Promise<TestServers> {
    const password = newSecret();
    const nats = startNats({ user: "flow", password });
    const minio = startMinio(options);
    try {
      return new TestServers(await nats, await minio, password);
    } catch (error) {
      for (const started of await Promise.allSettled([nats, minio])) {
        if (started.status === "fulfilled") await started.value.stop();
      }
      throw error;
    }
  }

  /** With so many NATS servers, that are one cluster. */
  static async startCluster(size: number): Promise<TestServers> {
    const password = newSecret();
    const cluster = await NatsCluster.start({ size, user: "flow", password });
    try {
      return new TestServers(cluster.servers[0]!, await startMinio(), password, cluster);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** What no output may hold. */
  get secrets(): string[] {
    return [this.natsPassword, this.minio.password];
  }

  /** The environment that puts a pipeline on these servers. */
  environment(way: "ws" | "tcp" = "ws"): Record<string, string> {
    const { minio, nats } = this;
    return { ...this.natsEnvironment(way === "ws" ? nats.wsUrl : nats.tcpUrl), ...storeOf(minio) };
  }

  /** NATS alone. User and password stand in the address, since there are no variables for them. */
  natsEnvironment(url: string): Record<string, string> {
    const credentials = `${this.natsUser}:${this.natsPassword}@`;
    return { KFLOW_NATS_ADDR: url.replace("://", `://${credentials}`) };
  }

  async makeBuckets(...names: string[]): Promise<void> {
    for (const name of names) await makeBucket(this.minio, name);
  }

  async hasBucket(name: string): Promise<boolean> {
    return await this.store.check(name).then(() => true, () => false);
  }

  async put(bucket: string, objects: ReadonlyMap<string, Uint8Array>): Promise<void> {
    for (const [key, content] of objects) await this.store.put(bucket, key, content);
  }

  /** All objects of a bucket, by key. */
  async objects(bucket: string): Promise<Map<string, Uint8Array>> {
    return await this.#reader.objects(bucket);
  }

  async keys(bucket: string): Promise<string[]> {
    return await this.#reader.keys(bucket);
  }

  /** Resolves once the bucket has an object with this key. */
  async hasObject(bucket: string, key: string, withinMs = 20_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(await this.keys(bucket)).includes(key)) {
      if (Date.now() > deadline) throw new Error(`No object "${key}" within ${withinMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A client that knows nothing of kflow. */
  async client(): Promise<NatsConnection> {
    const client = await connect({
      servers: (this.cluster?.servers ?? [this.nats]).map(({ tcpUrl }) => tcpUrl),
      user: this.natsUser,
      pass: this.natsPassword,
      maxReconnectAttempts: -1,
    });
    this.#clients.push(client);
    return client;
  }

  async isStream(stream: string): Promise<boolean> {
    this.#manager ??= await (await this.client()).jetstreamManager();
    try {
      await this.#manager.streams.info(stream);
      return true;
    } catch (error) {
      if (reasonOf(error) === "stream not found") return false;
      throw error;
    }
  }

  /** Resolves once the stream is there. */
  async hasStream(stream: string, withinMs = 10_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    // One that has just been made on a cluster may not answer.
    while (!await this.isStream(stream).catch(() => false)) {
      if (Date.now() > deadline) throw new Error(`No stream "${stream}" within ${withinMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Every message that a stream holds. */
  async messages(stream: string): Promise<StoredMessage[]> {
    const client = await this.client();
    const manager = await client.jetstreamManager();
    const { state } = await manager.streams.info(stream);
    if (state.messages === 0) return [];
    const found: StoredMessage[] = [];
    const reader = await client.jetstream().consumers.get(stream);
    for await (const message of await reader.consume()) {
      const headers = headersOf(message);
      found.push({
        subject: message.subject,
        id: headers["Nats-Msg-Id"],
        body: new Uint8Array(message.data),
        headers,
      });
      // The last sequence may be that of a message that is gone.
      if (message.info.pending === 0) break;
    }
    return found;
  }

  /** The schemas that flows have registered, by fingerprint. */
  async schemas(): Promise<Map<string, string>> {
    const messages = await this.messages("KV_kflow-state");
    const found = messages.map(({ subject, body }) => {
      const [fingerprint = ""] = /(?<=\.schema\.)[0-9a-f]{16}$/.exec(subject) ?? [];
      return [fingerprint, new TextDecoder().decode(body)] as const;
    });
    return new Map(found);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    this.#reader.close();
    await this.store.close();
    await Promise.all([(this.cluster ?? this.nats).stop(), this.minio.stop()]);
  }
}

function storeOf({ endpoint, user, password }: MinioServer): Record<string, string> {
  return {
    KFLOW_STORE_ADDR: endpoint,
    KFLOW_STORE_USER: user,
    KFLOW_STORE_PASSWORD: password,
  };
}
