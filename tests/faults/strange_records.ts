import { Buffer } from "node:buffer";
import { FlowNames } from "../../src/broker/subjects.ts";
import { BareNatsClient } from "../support/servers/bare_nats_client.ts";
import { strangeHeaders } from "../support/data/strange_headers.ts";
import type { TestServers } from "../support/servers/test_servers.ts";
import type { Random } from "./random.ts";

/** Begins the body of each: in the schema of the flow a text of length -1, which is no record. */
const START = Uint8Array.of(0x02, 0x01);
const EDGES = [["first", "make"], ["second", "first"], ["store", "second"]] as const;

/** Whether a message, or the dead letter of one, is none of the flow's own. */
export function isStrange(body: Uint8Array): boolean {
  return body[0] === START[0] && body[1] === START[1];
}

/** Messages on the edges of a flow that are none of its records. Each has a number, and has to end as one dead letter. */
export class StrangeRecords {
  readonly #servers: TestServers;
  readonly #flow: string;
  #sent = 0;

  constructor(servers: TestServers, flow: string) {
    this.#servers = servers;
    this.#flow = flow;
  }

  /** Sends some, and resolves when they are stored. */
  async send(random: Random, count: number): Promise<void> {
    const { nats, natsUser: user, natsPassword: password } = this.#servers;
    const names = new FlowNames(this.#flow);
    const client = await BareNatsClient.open(nats.tcpPort, { user, password });
    for (let i = 0; i < count; i++) {
      const body = Buffer.concat([START, Buffer.from(` strange ${this.#sent++}`)]);
      const headers = strangeHeaders((bound) => random.below(bound));
      const [consumer, producer] = random.pick(EDGES);
      client.publish(names.edge(consumer, producer), headers, body);
    }
    await client.confirmed(count);
    client.close();
  }

  /** What is wrong with their dead letters; empty if each is there once. */
  async mistakes(): Promise<string[]> {
    if (this.#sent === 0) return [];
    const counts = new Map<number, number>();
    for (const { body } of await this.#servers.messages(new FlowNames(this.#flow).deadStream)) {
      if (!isStrange(body)) continue;
      const n = Number(new TextDecoder().decode(body).split(" ").at(-1));
      counts.set(n, (counts.get(n) ?? 0) + 1);
    }
    return Array.from({ length: this.#sent }, (_none, n) => n)
      .filter((n) => counts.get(n) !== 1)
      .map((n) => `strange message ${n} is a dead letter ${counts.get(n) ?? 0} times`);
  }
}
