import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "nats";
import { FlowNames } from "../../src/broker/subjects.ts";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { seededRandom } from "../support/data/random_avro.ts";
import { BareNatsClient } from "../support/servers/bare_nats_client.ts";
import { within } from "../support/waiting.ts";
import { runFlow } from "../support/in_process/flow.ts";
import { onNats } from "../support/in_process/on_nats.ts";
import { strangeHeaders } from "../support/data/strange_headers.ts";
import { testSeed } from "../support/data/test_seed.ts";

const LONG = { timeout: 120_000 };
const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';
const MAX_PAYLOAD = 65_536;
const STRANGE_MESSAGES = 200;
const GOOD_EVERY = 4;

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
    const client = await BareNatsClient.open(given.server.tcpPort);
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
      let headers = strangeHeaders((bound) => Math.floor(random() * bound));
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
