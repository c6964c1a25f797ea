import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Delivery } from "../../../src/broker/broker.ts";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import { ERROR_RECORD_SCHEMA } from "../../../src/runtime/failures/error_record.ts";
import { ErrorStream } from "../../../src/runtime/failures/error_stream.ts";
import { Flight } from "../../../src/runtime/records/flight.ts";
import { TaskProgress } from "../../../src/runtime/progress/task_progress.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { Place, receiveOne } from "../../support/in_process/broker_probes.ts";
import { ErrorTopic } from "../../support/in_process/error_topic.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";

onBothBrokers("the record of a failed attempt", (given) => {
  const schema = new AvroCodec().parse(ERROR_RECORD_SCHEMA);

  /** One worker reports one attempt to both topics, and is gone. */
  async function report(delivery: Delivery, topics: readonly string[]): Promise<void> {
    const stream = new ErrorStream({
      flow: "flow",
      task: "work",
      stream: "kflow-flow-work",
      podName: "pod",
      config: { enabled: true, errorTopics: [...topics] },
      broker: given.broker,
      encode: (record) => schema.encode(record),
      headers: { "Kflow-Schema": schema.fingerprint },
      register: () => Promise.resolve(),
      create: false,
      progress: new TaskProgress("work"),
      log: quiet,
      stop: new AbortController().signal,
      mayComplain: () => false,
    });
    const flight = new Flight(delivery, performance.now(), 1, () => {}, undefined);
    assert.equal(await stream.report(flight, new AckError("no")), true);
    stream.close();
  }

  it("is there once in each topic, however often it is sent", async () => {
    const errors = await ErrorTopic.make(given.broker);
    const topics = [errors.topic, `${errors.topic}.more`];
    const place = new Place();
    await place.fill(given.broker, ["a"]);
    const consumer = await given.broker.consume(place.group());
    const first = await receiveOne(consumer);
    await report(first, topics);
    await report(first, topics);
    await errors.records(2);
    consumer.nak(first);
    await report(await receiveOne(consumer), topics);
    await errors.records(4);
    await consumer.close();
  });
});
