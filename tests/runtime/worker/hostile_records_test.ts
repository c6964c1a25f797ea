import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FlowNames } from "../../../src/broker/subjects.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { DecodeError } from "../../../src/codec/codec.ts";
import type { Context } from "../../../src/api/context.ts";
import { pick, seededRandom } from "../../support/data/random_avro.ts";
import { AVRO_SAMPLES } from "../../support/data/avro_samples.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { publish, receive } from "../../support/in_process/broker_probes.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { mutateBytes } from "../../support/data/mutate_bytes.ts";
import { testSeed } from "../../support/data/test_seed.ts";

const LONG = { timeout: 90_000 };
const MUTATED = 300;
const HEALTHY_EVERY = 3;
const QUEUE_BYTES = 1 << 20;
const LARGEST = 1_000;
const OUT = '{"type": "record", "name": "seen", "fields": [{"name": "sequence", "type": "long"}]}';

/** Values that a header may carry and nobody expects. */
const STRANGE = ["", "x", "-1", "00-00-00-00", "a".repeat(2_000), "%00", '{"a":1}', "__proto__"];
const HEADERS = [
  "traceparent",
  "Kflow-Attempt",
  "Kflow-Error",
  "Kflow-Partition",
  "__proto__",
  "X",
];
/** What a dead letter says of itself. */
const OURS = /^Kflow-(Attempt|Error)$/;

onBothBrokers("mutated messages in the input stream of a task", (given) => {
  const seed = testSeed();

  for (const [name, { schema: json, make }] of Object.entries(AVRO_SAMPLES)) {
    const title =
      `of ${name} become output or dead letter, none is lost, and those between them arrive`;
    it(title, LONG, async () => {
      const random = seededRandom(seed);
      const schema = new AvroCodec().parse(json);
      const flow = given.flowId();
      const names = new FlowNames(flow);
      const { broker } = given;
      const common = { maxBytes: QUEUE_BYTES, duplicateWindowMs: 600_000 };
      const queue = { stream: names.stream("work"), subjects: names.subjects("work"), ...common };
      await broker.ensureQueues([queue]);
      await broker.state.put(names.state("schema", schema.fingerprint), schema.text);

      const sent = new Map<number, { body: Uint8Array; headers: Record<string, string> }>();
      const readable = new Set<number>();
      const publisher = broker.publisher();
      const fates: Promise<unknown>[] = [];
      for (let i = 1; i <= MUTATED; i++) {
        const good = schema.encode(make(random));
        const isHealthy = i % HEALTHY_EVERY === 0;
        const body = isHealthy ? good : mutateBytes(good, random).subarray(0, LARGEST);
        const strange = random() < 0.3 ? { [pick(random, HEADERS)]: pick(random, STRANGE) } : {};
        const isUnnamed = !isHealthy && random() < 0.1;
        const fingerprint = isUnnamed ? pick(random, STRANGE) : schema.fingerprint;
        if (!isUnnamed && isReadable(body)) readable.add(i);
        assert.ok(!isHealthy || readable.has(i));
        const headers = { ...strange, "Kflow-Schema": fingerprint };
        sent.set(i, { body, headers });
        const subject = names.edge("work", "make");
        fates.push(publish(publisher, { subject, id: `m${i}`, body, headers }));
      }
      assert.deepEqual(new Set(await Promise.all(fates)), new Set(["stored"]));
      publisher.close();

      const { printed, task } = await runFlow({
        yaml: `
mode: batch
name: ${flow}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${JSON.stringify(json)}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${OUT}', out: [show]}
  - {id: show, type: print}
`,
        broker,
        functions: {
          make: [make(random), make(random)],
          work: (_record: unknown, ctx: Context) => ({ sequence: ctx.delivery.sequence }),
        },
      });

      const where = `seed ${seed}`;
      const outputs = printed.map((each) => (each as { sequence: number }).sequence);
      const fromSource = [MUTATED + 1, MUTATED + 2];
      assert.deepEqual(sorted(outputs), sorted([...readable, ...fromSource]), where);
      const { acked, nacked, dead } = task("work").counts;
      assert.equal(dead, MUTATED - readable.size, where);
      assert.deepEqual([acked, nacked], [MUTATED + 2, 0], where);

      const letters = await deadLetters(names, dead);
      const buried = letters.map((letter) => Number(letter.header("Kflow-Sequence")));
      const refused = Array.from({ length: MUTATED }, (_, i) => i + 1)
        .filter((i) => !readable.has(i));
      assert.deepEqual(sorted(buried), refused, where);
      for (const letter of letters) {
        assert.match(letter.header("Kflow-Error") ?? "", /^Cannot decode/, where);
        const { body, headers } = sent.get(Number(letter.header("Kflow-Sequence")))!;
        assert.deepEqual(new Uint8Array(letter.body), new Uint8Array(body), where);
        for (const [header, value] of Object.entries(headers)) {
          if (!OURS.test(header)) {
            assert.equal(letter.headers()[header], value, `${header}, ${where}`);
          }
        }
      }

      function isReadable(body: Uint8Array): boolean {
        try {
          schema.decode(body);
          return true;
        } catch (error) {
          assert.ok(error instanceof DecodeError);
          return false;
        }
      }
    });
  }

  async function deadLetters(names: FlowNames, count: number) {
    const consumer = await given.broker.consume({
      queue: {
        stream: names.deadStream,
        subjects: names.deadSubjects,
        maxBytes: QUEUE_BYTES,
        duplicateWindowMs: 600_000,
      },
      group: "reader",
      ackWaitMs: 30_000,
      maxAckPending: 1_000,
    });
    consumer.slots = 1_000;
    try {
      return await receive(consumer, count);
    } finally {
      await consumer.close(0);
    }
  }
});

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}
