import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect as connectSocket, type Socket } from "node:net";
import { connect } from "nats";
import { FlowNames } from "../../src/broker/subjects.ts";
import { AvroCodec } from "../../src/codec/avro.ts";
import { pick, seededRandom } from "../codec/random_avro.ts";
import { eventually, within } from "../support/broker_probes.ts";
import { runFlow } from "../support/flow.ts";
import { onNats } from "../support/on_nats.ts";
import { testSeed } from "../support/test_seed.ts";

const LONG = { timeout: 120_000 };
const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';
const MAX_PAYLOAD = 65_536;
const STRANGE_MESSAGES = 200;
const GOOD_EVERY = 4;

const NAMES = [
  "X",
  "X A\x01",
  "X-\xe9",
  "",
  " ",
  "X:Y",
  "__proto__",
  "Kflow-Task",
  "Kflow-Schema",
  "traceparent",
  "Nats-X",
  "\t",
  "a".repeat(300),
];
const VALUES = [
  "b",
  "a\nb",
  "a\rb",
  "\0",
  "\xff\xfe",
  "",
  "   ",
  "é",
  "x".repeat(3000),
  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "\x1b[31m",
];
const ENDS = ["\r\n", "\n", "\r", "", "\r\n\r\n", "\0"];

/** A client that sends whatever header bytes it is told to. */
class BareClient {
  readonly #socket: Socket;
  #answers = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      const text = Buffer.from(bytes).toString("latin1");
      this.#answers += text.split("MSG ack ").length - 1;
      if (text.includes("PING\r\n")) socket.write("PONG\r\n");
    });
    socket.on("error", () => {});
  }

  static async open(port: number): Promise<BareClient> {
    const socket = connectSocket(port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB ack 1\r\n');
    return new BareClient(socket);
  }

  publish(subject: string, headers: string, body: Uint8Array): void {
    const block = Buffer.from(`NATS/1.0\r\n${headers}\r\n`, "latin1");
    const line = `HPUB ${subject} ack ${block.length} ${block.length + body.length}\r\n`;
    this.#socket.write(Buffer.concat([Buffer.from(line), block, body, Buffer.from("\r\n")]));
  }

  async confirmed(count: number): Promise<void> {
    await eventually(() => this.#answers >= count, `${count} confirmations`);
  }

  close(): void {
    this.#socket.destroy();
  }
}

onNats("any message that a NATS server accepts", (given) => {
  const seed = testSeed();
  /** Publishes these beside good ones, and runs the batch to its end. */
  async function run(flow: string, strange: readonly { headers: string; body: Uint8Array }[]) {
    const names = new FlowNames(flow);
    const schema = new AvroCodec().parse(SCHEMA);
    await given.broker.state.put(names.state("schema", schema.fingerprint), schema.text);
    const queue = {
      stream: names.stream("work"),
      subjects: names.subjects("work"),
      maxBytes: 64 << 20,
      duplicateWindowMs: 600_000,
    };
    await given.broker.ensureQueues([queue]);
    await given.broker.ensureQueues([{
      ...queue,
      stream: names.deadStream,
      subjects: names.deadSubjects,
    }]);
    const client = await BareClient.open(given.server.tcpPort);
    const subject = names.edge("work", "make");
    let good = 0;
    for (const [index, { headers, body }] of strange.entries()) {
      client.publish(subject, headers, body);
      if (index % GOOD_EVERY !== 0) continue;
      client.publish(
        subject,
        `Kflow-Schema: ${schema.fingerprint}\r\n`,
        schema.encode({ n: good++ }),
      );
    }
    await client.confirmed(strange.length + good);
    client.close();
    const seen: number[] = [];
    const { task } = await within(
      runFlow({
        yaml: `
name: ${flow}
mode: batch
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: {retry.delay.ms: 1, max.attempts: 2}}
`,
        broker: given.broker,
        functions: { make: [], work: ({ n }: { n: number }) => void seen.push(n) },
      }),
      90_000,
      "end of the batch",
    );
    const connection = await connect({ servers: given.server.tcpUrl });
    const manager = await connection.jetstreamManager();
    const { state } = await manager.streams.info(names.deadStream);
    const letters = [];
    for (let sequence = 1; sequence <= state.last_seq; sequence++) {
      letters.push(await manager.streams.getMessage(names.deadStream, { seq: sequence }));
    }
    await connection.close();
    return { counts: task("work").counts, good, seen, letters, schema };
  }

  it("ends as an output or a dead letter, and good ones beside it go through", LONG, async () => {
    const random = seededRandom(seed);
    const schema = new AvroCodec().parse(SCHEMA);
    const strange = Array.from({ length: STRANGE_MESSAGES }, () => {
      let headers = "";
      for (let count = Math.floor(random() * 4); count > 0; count--) {
        headers += `${pick(random, NAMES)}:${pick(random, VALUES)}${pick(random, ENDS)}`;
      }
      if (random() < 0.5) headers = `Kflow-Schema: ${schema.fingerprint}\r\n${headers}`;
      const room = MAX_PAYLOAD - Buffer.byteLength(headers, "latin1") - 12;
      const size = random() < 0.1 ? room - Math.floor(random() * 200) : Math.floor(random() * 50);
      return { headers, body: new Uint8Array(Math.max(0, Math.min(room, size))).fill(0xff) };
    });
    const { counts, good, seen } = await run("fuzzed", strange);
    assert.equal(counts.acked, STRANGE_MESSAGES + good);
    assert.deepEqual(seen.filter((n) => n >= 0).sort((a, b) => a - b).slice(-good).length, good);
    for (let n = 0; n < good; n++) assert.ok(seen.includes(n), `${n} is missing`);
  });

  it("is kept whole as a dead letter whose headers cannot be sent as they are", LONG, async () => {
    const headers = "X-A: a\nb\r\nX-\xe9: c\r\nY: 1\r\nY: 2\r\n";
    const body = new Uint8Array([1, 2, 3]);
    const { letters } = await run("odd", [{ headers, body }]);
    assert.equal(letters.length, 1);
    const [letter] = letters;
    assert.deepEqual(new Uint8Array(letter!.data), body);
    assert.equal(letter!.header.get("Kflow-Sequence"), "1");
    const block = Buffer.from(letter!.header.get("Kflow-Headers-Base64"), "base64");
    assert.equal(block.toString("latin1"), `NATS/1.0\r\n${headers}\r\n`);
  });

  it("is kept in parts where it is as large as the server takes", LONG, async () => {
    const headers = "X-A: b\r\n";
    const block = `NATS/1.0\r\n${headers}\r\n`;
    const body = Uint8Array.from({ length: MAX_PAYLOAD - block.length }, (_, i) => i * 7 % 251);
    const { letters } = await run("large", [{ headers, body }]);
    assert.deepEqual(letters.map(({ header }) => header.get("Kflow-Part")), ["1/2", "2/2"]);
    const content = Buffer.concat(letters.map(({ data }) => data));
    const at = Number(letters[0]!.header.get("Kflow-Headers-Bytes"));
    assert.equal(content.subarray(0, at).toString("latin1"), block);
    assert.deepEqual(new Uint8Array(content.subarray(at)), body);
    assert.equal(letters[1]!.header.get("Kflow-Edge"), "kflow.large.work.make");
  });
}, { config: `max_payload: ${MAX_PAYLOAD}` });
