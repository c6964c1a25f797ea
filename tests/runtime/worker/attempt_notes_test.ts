import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, headers } from "nats";
import { TaskTally } from "../../../src/metrics/task_tally.ts";
import { turn } from "../../../src/base/time/waiting.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { publish, receiveOne } from "../../support/in_process/broker_probes.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { onNats } from "../../support/in_process/on_nats.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

function pipeline(name: string, meta: string): string {
  return `
name: ${name}
mode: batch
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${SCHEMA}', out: [show], meta: {${meta}}}
  - {id: show, type: print}
`;
}

onNats("attempts of a record whose workers died", (given) => {
  /** One record that was delivered this often without an answer from its workers. */
  async function delivered(name: string, times: number): Promise<void> {
    const queue = {
      stream: `kflow-${name}-work`,
      subjects: `kflow.${name}.work.>`,
      maxBytes: 1 << 20,
      duplicateWindowMs: 600_000,
    };
    await given.broker.ensureQueues([queue]);
    const publisher = given.broker.publisher();
    const schema = new AvroCodec().parse(SCHEMA);
    const message = {
      subject: `kflow.${name}.work.make`,
      id: "a",
      body: schema.encode({ n: 7 }),
      headers: { "Kflow-Schema": schema.fingerprint },
    };
    assert.equal(await publish(publisher, message), "stored");
    publisher.close();
    const place = { queue, group: `${name}-work`, ackWaitMs: 120_000, maxAckPending: 100 };
    const consumer = await given.broker.consume(place);
    for (let attempt = 1; attempt <= times; attempt++) {
      const delivery = await receiveOne(consumer);
      assert.equal(delivery.attempt, attempt);
      if (attempt === times) consumer.stop();
      consumer.nak(delivery);
    }
    await consumer.close();
  }

  async function work(name: string, call: () => unknown) {
    const { task } = await runFlow({
      yaml: pipeline(name, "retry.delay.ms: 1"),
      broker: given.broker,
      functions: { make: [], work: call },
    });
    return task("work").counts;
  }

  it("are not counted while the record only waits in workers that die", async () => {
    await delivered("waited", 7);
    const counts = await work("waited", () => ({ n: 7 }));
    assert.deepEqual([counts.out, counts.errors, counts.dead], [1, 0, 0]);
    assert.deepEqual(await given.broker.state.keys("begun"), []);
  });

  it("are counted from the third on", async () => {
    await delivered("counted", 7);
    let calls = 0;
    const counts = await work("counted", () => {
      calls++;
      throw new Error("never");
    });
    // The first two deliveries count, noted or not.
    assert.deepEqual([calls, counts.errors, counts.dead], [3, 3, 1]);
    assert.deepEqual(await given.broker.state.keys("begun"), []);
  });

  it("give the record the worker to itself, and the log and a gauge say so", async () => {
    await delivered("alone", 3);
    const secondMade = Promise.withResolvers<void>();
    let calling = 0;
    let beside = 0;
    const gauges: number[] = [];
    const metrics = new TaskTally({ flow: "alone", task: "work" });
    const { logged, task } = await runFlow({
      yaml: pipeline("alone", "concurrency: 4"),
      broker: given.broker,
      metricsOf: ({ id }) => id === "work" ? metrics : undefined,
      functions: {
        make: async function* () {
          yield { n: 1 };
          yield { n: 2 };
          secondMade.resolve();
        },
        work: async ({ n }: { n: number }) => {
          calling++;
          if (n === 7) {
            await secondMade.promise;
            beside = calling - 1;
            gauges.push(metrics.gauge("alone"));
          } else await turn();
          calling--;
          return { n };
        },
      },
    });
    assert.equal(task("work").counts.acked, 3);
    assert.equal(beside, 0);
    assert.deepEqual([gauges, metrics.gauge("alone")], [[1], 0]);
    const lines = logged.filter(({ message }) => String(message).includes("to itself"));
    assert.deepEqual(lines.map(({ level, attempt }) => [level, attempt]), [["WARNING", 4]]);
    assert.deepEqual(await given.broker.state.keys("begun"), []);
  });

  it(
    "are not kept after a batch, though a worker was killed before it removed them",
    async () => {
      await delivered("left", 1);
      await given.broker.state.put("begun.left.work.1-1", "1");
      // What remains of a deletion that was cut off.
      const connection = await connect({ servers: given.server.tcpUrl });
      const mark = headers();
      mark.set("KV-Operation", "DEL");
      await connection.jetstream().publish("$KV.kflow-state.begun.left.work.2-2", undefined, {
        headers: mark,
      });
      await connection.close();
      assert.equal((await given.broker.state.keys("begun")).length, 2);
      await work("left", () => ({ n: 7 }));
      assert.deepEqual(await given.broker.state.keys("begun"), []);
    },
  );
});
