import type {
  Broker,
  Consumer,
  GroupSpec,
  Publisher,
  QueueSpec,
  QueueState,
  ReaderSpec,
  TopicSpec,
  TopicState,
} from "../broker.ts";
import { BrokerError } from "../broker.ts";
import { API, ApiError } from "./admin/api.ts";
import { dialNats, maskOf, type NatsConnection, type NatsDial } from "./wire/client.ts";
import { NatsConsumer } from "./consumer.ts";
import { tidyStream } from "./admin/janitor.ts";
import { NatsLink } from "./wire/link.ts";
import { NatsPublisher } from "./publisher.ts";
import {
  type DurableSpec,
  ensureConsumer,
  oldestAgeMs,
  queueState,
  queuesUnder,
} from "./admin/group.ts";
import { NatsState } from "./admin/state.ts";
import { ensureStreams } from "./admin/streams.ts";
import { ensureTopic } from "./admin/topic.ts";
import type { StateStore } from "../state_store.ts";
import { reasonOf, StartError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Secret } from "../../base/secret.ts";

export type { NatsDial } from "./wire/client.ts";

export interface NatsOptions {
  /** `ws://host:port` or `wss://…`; for kind `tcp` `nats://host:port`, `tls://…` or bare `host:port`. Several with commas between: servers of one cluster. */
  readonly url: string;
  readonly kind: "websocket" | "tcp";
  readonly user?: string;
  readonly password?: Secret;
  readonly token?: Secret;
  /** Connects over TCP, on platforms that have sockets. */
  readonly dial?: NatsDial;
  /** @default the platform's WebSocket */
  readonly openSocket?: (url: string) => Promise<WebSocket>;
  readonly log: Logger;
  /** Flow id, for the connection's name in the server's lists. @default none */
  readonly flow?: string;
  /** @default "kflow-state" */
  readonly bucket?: string;
  /** Servers on which each stream is kept that is made here. @default 1 */
  readonly replicas?: number;
  /** A publication without an answer is sent again after so long, ms. @default 5000 */
  readonly answerMs?: number;
  /** A connection is dead when two of its pings, sent so far apart, were not answered, ms. @default 5000 */
  readonly pingMs?: number;
  /** A lost connection in which nothing moves for so long is replaced, ms. @default 20000 */
  readonly stuckMs?: number;
}

const OLDEST: readonly [number, number] = [2, 9];
const START_MS = 4_000;

/**
 * Connects to a NATS server with JetStream, 2.9 or newer. Decides within ten seconds: throws `StartError` naming address and remedy,
 * `transient` only if the server is away. Once connected it stays so: a lost connection is made again for ever.
 */
export async function connectNats(options: NatsOptions): Promise<Broker> {
  const address = { ...options, name: `kflow ${options.flow ?? ""}`.trim() };
  const nc = await dialNats(address);
  const link = new NatsLink(nc, {
    address: options.url,
    log: options.log,
    redial: () => dialNats(address),
    mask: maskOf(address),
    stuckMs: options.stuckMs,
  });
  try {
    checkVersion(nc, options.url);
    await checkJetStream(link, options.url);
  } catch (error) {
    await link.close();
    throw error;
  }
  return new NatsBroker(link, options);
}

class NatsBroker implements Broker {
  readonly durable = true;
  readonly state: StateStore;
  readonly #link: NatsLink;
  readonly #options: NatsOptions;
  readonly #log: Logger;
  readonly #publishers = new Set<Publisher>();
  readonly #consumers = new Set<Consumer>();
  #closing?: Promise<void>;

  constructor(link: NatsLink, options: NatsOptions) {
    this.#link = link;
    this.#options = options;
    this.#log = options.log;
    const { bucket = "kflow-state", replicas } = options;
    this.state = new NatsState(link, { bucket, replicas });
  }

  get maxPayload(): number {
    return this.#link.maxPayload;
  }

  ensureQueues(queues: readonly QueueSpec[]): Promise<void> {
    const { replicas, log } = this.#options;
    return ensureStreams(this.#link, queues, { replicas, log });
  }

  ensureTopic(topic: TopicSpec, options: { create: boolean }): Promise<TopicState> {
    const { replicas, log } = this.#options;
    return ensureTopic(this.#link, topic, { ...options, replicas, log });
  }

  async consume(group: GroupSpec): Promise<Consumer> {
    const { queue } = group;
    const durable = { ...group, stream: queue.stream, subjects: queue.subjects };
    return await this.#join(durable, {
      bind: async () => {
        await this.ensureQueues([queue]);
        await ensureConsumer(this.#link, durable, this.#log);
      },
      tidy: () => tidyStream(this.#link, queue),
      slots: group.slots,
    });
  }

  read(reader: ReaderSpec): Promise<Consumer> {
    const durable = { ...reader, subjects: reader.subject, filtered: true };
    return this.#join(durable, {
      bind: () => ensureConsumer(this.#link, durable, this.#log),
      tidy: () => Promise.resolve({ old: 0, young: 0 }),
    });
  }

  async #join(
    { stream, group }: DurableSpec,
    { bind, tidy, slots }: { bind(): Promise<void>; tidy: Consumer["tidy"]; slots?: number },
  ): Promise<Consumer> {
    await bind();
    const consumer: Consumer = new NatsConsumer(this.#link, {
      stream,
      group,
      slots,
      log: this.#log,
      restore: bind,
      state: async () => {
        const state = await queueState(this.#link, stream, group);
        if (state !== undefined) return state;
        throw new BrokerError(
          `Cannot tell how stream "${stream}" stands: it or its consumer "${group}" is gone`,
        );
      },
      oldestAgeMs: () => oldestAgeMs(this.#link, stream, group),
      tidy,
      closed: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  queuesUnder(subjects: string): ReturnType<NonNullable<Broker["queuesUnder"]>> {
    return queuesUnder(this.#link, subjects);
  }

  queueState(stream: string, group: string): Promise<QueueState | undefined> {
    return queueState(this.#link, stream, group);
  }

  publisher(options: { limit?: number } = {}): Publisher {
    const publisher: Publisher = new NatsPublisher(this.#link, {
      log: this.#log,
      limit: options.limit ?? 4096,
      answerMs: this.#options.answerMs,
      closed: () => this.#publishers.delete(publisher),
    });
    this.#publishers.add(publisher);
    return publisher;
  }

  isConnected(): boolean {
    return this.#link.connected;
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    for (const publisher of [...this.#publishers]) publisher.close();
    const closed = this.#link.close();
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(0)));
    await closed;
  }
}

function checkVersion(nc: NatsConnection, url: string): void {
  const version = nc.info?.version ?? "unknown";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new StartError(
    `Cannot use NATS at "${url}": the server's version is ${version}; install ${
      OLDEST.join(".")
    } or newer`,
  );
}

async function checkJetStream(link: NatsLink, url: string): Promise<void> {
  const start = `Cannot use NATS at "${url}"`;
  const off =
    `${start}: JetStream is off; start the server with "jetstream {}" in its configuration or with -js`;
  let answer: { error?: { err_code?: number; description?: string } };
  try {
    answer = (await link.nc.request("$JS.API.INFO", "", { timeout: START_MS })).json();
  } catch (error) {
    if (reasonOf(error) === "503") throw new StartError(off, { cause: error });
    throw new StartError(
      `${start}: JetStream does not answer (${
        reasonOf(error)
      }); check the server and that the user may publish to "$JS.API.>" and subscribe to "_INBOX.>"`,
      { unanswered: reasonOf(error) === "TIMEOUT", cause: error },
    );
  }
  const { error } = answer;
  if (error === undefined) return;
  const description = link.said(String(error.description ?? "no description"));
  const reason = new ApiError(error.err_code ?? 0, description);
  if (reason.code === API.notEnabled) throw new StartError(off, { cause: reason });
  if (reason.code === API.notEnabledForAccount) {
    throw new StartError(`${start}: JetStream is off for the user's account; enable it there`, {
      cause: reason,
    });
  }
  throw new StartError(`${start}: ${reason.message}`, { cause: reason });
}
