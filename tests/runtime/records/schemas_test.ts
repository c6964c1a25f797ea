import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Broker, BrokerError, type Delivery } from "../../../src/broker/broker.ts";
import { MemoryState } from "../../../src/broker/memory/memory_state.ts";
import { FlowNames } from "../../../src/broker/subjects.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { createLogger } from "../../../src/base/log.ts";
import { SCHEMA_HEADER, Schemas, SchemaUnreachable } from "../../../src/runtime/records/schemas.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { publish } from "../../support/in_process/broker_probes.ts";
import { eventually } from "../../support/waiting.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const codec = new AvroCodec();
const FLOW = "flow";
const key = (fingerprint: string) => new FlowNames(FLOW).state("schema", fingerprint);

function schemaOf(name: string, ...fields: string[]) {
  return codec.parse({
    type: "record",
    name,
    fields: fields.map((field) => ({ name: field, type: "int" })),
  });
}

/** A message that names a schema. */
function messageOf(fingerprint: string): Delivery {
  const header = (name: string) => name === SCHEMA_HEADER ? fingerprint : undefined;
  return { header } as Delivery;
}

/** A state store that can be unreachable, and counts how often it is asked. */
class CountedState extends MemoryState {
  asked = 0;
  isAway = false;

  override get(stateKey: string) {
    this.asked++;
    if (this.isAway) return Promise.reject(new BrokerError("it does not answer"));
    return super.get(stateKey);
  }
}

async function lookUp(schemas: Schemas, fingerprint: string) {
  return await schemas.of(messageOf(fingerprint));
}

describe("Schemas", () => {
  const right = schemaOf("right", "a");
  const other = schemaOf("other", "b");

  for (
    const [what, text, reason] of [
      ["another schema", other.text, /is another one, of fingerprint/],
      ["what is not a schema", "not json", /is not usable: .*not valid JSON/],
      ["a schema with a mistake", '{"type": "record", "name": "x"}', /is not usable: .*fields/],
    ] as const
  ) {
    it(`of() refuses ${what} under a fingerprint, and reads it once the right one is there`, async () => {
      const state = new MemoryState();
      const schemas = new Schemas({ codec, state, flow: FLOW });
      await state.put(key(right.fingerprint), text);
      for (let i = 0; i < 2; i++) {
        await assert.rejects(lookUp(schemas, right.fingerprint), (error: Error) => {
          assert.equal(error.name, "DecodeError");
          assert.match(error.message, reason);
          return true;
        });
      }
      await new Schemas({ codec, state, flow: FLOW }).register(right.text);
      assert.equal((await lookUp(schemas, right.fingerprint)).text, right.text);
    });
  }

  it("of() fetches a schema once for all messages that wait for it", async () => {
    const state = new CountedState();
    await new Schemas({ codec, state, flow: FLOW }).register(right.text);
    const schemas = new Schemas({ codec, state, flow: FLOW });
    await Promise.all(Array.from({ length: 100 }, () => lookUp(schemas, right.fingerprint)));
    await lookUp(schemas, right.fingerprint);
    assert.equal(state.asked, 1);
  });

  it("of() keeps no more schemas than fit into its memory, for any fingerprints in messages", async () => {
    const state = new CountedState();
    const padding = "x".repeat(50_000);
    const written = Array.from(
      { length: 60 },
      (_, i) => codec.parse({ type: "record", name: `r${i}`, doc: padding, fields: [] }),
    );
    for (const { fingerprint, text } of written) await state.put(key(fingerprint), text);
    const schemas = new Schemas({ codec, state, flow: FLOW });
    for (const { fingerprint } of written) await lookUp(schemas, fingerprint);
    state.asked = 0;
    for (const { fingerprint } of written) await lookUp(schemas, fingerprint);
    assert.equal(state.asked, written.length, "schemas that were dropped are fetched again");
    await lookUp(schemas, written.at(-1)!.fingerprint);
    assert.equal(state.asked, written.length);
  });

  it("of() waits for a server that does not answer, says so, and ends with the worker", async () => {
    const state = new CountedState();
    await state.put(key(right.fingerprint), right.text);
    const lines: string[] = [];
    const log = createLogger({ write: (line) => void lines.push(line) });
    const stop = new AbortController();
    const schemas = new Schemas({ codec, state, flow: FLOW, lookUp: { stop: stop.signal, log } });
    state.isAway = true;
    const waiting = lookUp(schemas, right.fingerprint);
    await eventually(() => lines.length > 0, "warning");
    assert.match(lines[0]!, /Cannot fetch the schema of a message.*it does not answer/);
    state.isAway = false;
    assert.equal((await waiting).text, right.text);

    state.isAway = true;
    const given = lookUp(schemas, other.fingerprint);
    stop.abort();
    await assert.rejects(given, SchemaUnreachable);
  });
});

const N = '{"type": "record", "name": "n", "fields": [{"name": "n", "type": "int"}]}';

/** The broker, which does not answer the first times that a key of its state is asked for. */
function awayFor(
  broker: Broker,
  { stateKey, times, asked }: { stateKey: string; times: number; asked: { times: number } },
): Broker {
  const { state } = broker;
  return {
    durable: broker.durable,
    maxPayload: broker.maxPayload,
    state: {
      get(key) {
        if (key !== stateKey || ++asked.times > times) return state.get(key);
        return Promise.reject(new BrokerError("it does not answer"));
      },
      put: (key, value, options) => state.put(key, value, options),
      delete: (key) => state.delete(key),
      keys: (prefix) => state.keys(prefix),
      watch: (prefix, changed, signal) => state.watch(prefix, changed, signal),
    },
    ensureQueues: (queues) => broker.ensureQueues(queues),
    ensureTopic: (topic, options) => broker.ensureTopic(topic, options),
    consume: (group) => broker.consume(group),
    read: (reader) => broker.read(reader),
    queueState: (stream, group) => broker.queueState(stream, group),
    publisher: (options) => broker.publisher(options),
    isConnected: () => broker.isConnected(),
    close: () => broker.close(),
  };
}

onBothBrokers("a message whose schema", (given) => {
  function flow(name: string) {
    return {
      yaml: `
mode: batch
name: ${name}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${N}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${N}', out: [show]}
  - {id: show, type: print}
`,
      functions: { make: [{ n: 1 }, { n: 2 }], work: (record: object) => record },
    };
  }

  /** A queue of the task with messages that name the schemas. */
  async function queueOf(name: string, fingerprints: readonly string[]) {
    const names = new FlowNames(name);
    const { broker } = given;
    await broker.ensureQueues([{
      stream: names.stream("work"),
      subjects: names.subjects("work"),
      maxBytes: 1 << 20,
      duplicateWindowMs: 600_000,
    }]);
    const publisher = broker.publisher();
    for (const [i, fingerprint] of fingerprints.entries()) {
      await publish(publisher, {
        subject: names.edge("work", "make"),
        id: `m${i}`,
        body: Uint8Array.of(2),
        headers: { [SCHEMA_HEADER]: fingerprint },
      });
    }
    publisher.close();
    return names;
  }

  it("is wrong becomes a dead letter at its first attempt, and the others arrive", async () => {
    const name = given.flowId();
    const [poisoned, garbage] = [schemaOf("p", "n").fingerprint, "aaaaaaaaaaaaaaaa"];
    const names = await queueOf(name, [poisoned, garbage]);
    const { state } = given.broker;
    await state.put(names.state("schema", poisoned), schemaOf("q", "n").text);
    await state.put(names.state("schema", garbage), "not json");
    const { printed, task } = await runFlow({ ...flow(name), broker: given.broker });
    assert.deepEqual(printed, [{ n: 1 }, { n: 2 }]);
    const { dead, nacked, errors } = task("work").counts;
    assert.deepEqual([dead, nacked, errors], [2, 0, 2]);
    assert.deepEqual(task("work").deadLetters.map(({ attempts }) => attempts), [1, 1]);
  });

  it("cannot be fetched for a while costs no attempt and arrives", async () => {
    const name = given.flowId();
    const { broker } = given;
    const schema = schemaOf("elsewhere", "n");
    const names = await queueOf(name, [schema.fingerprint]);
    await broker.state.put(names.state("schema", schema.fingerprint), schema.text);
    const stateKey = names.state("schema", schema.fingerprint);
    const asked = { times: 0 };
    const away = awayFor(broker, { stateKey, times: 2, asked });
    const { printed, task } = await runFlow({ ...flow(name), broker: away });
    assert.deepEqual(printed.map((each) => (each as { n: number }).n).sort(), [1, 1, 2]);
    const { dead, nacked, errors } = task("work").counts;
    assert.deepEqual([dead, nacked, errors, asked.times], [0, 0, 0, 3]);
  });
});
