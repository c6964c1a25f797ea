// kflow with one fault built in, as BROKEN names it: what the oracle is for has to find it.
import process from "node:process";
import { MessageIds } from "../../../src/broker/message_id.ts";
import { NatsConsumer } from "../../../src/broker/nats/consumer.ts";
import { NatsPublisher } from "../../../src/broker/nats/publisher.ts";
import { ErrorStream } from "../../../src/runtime/failures/error_stream.ts";
import { Flight } from "../../../src/runtime/records/flight.ts";

/** Longer than a worker lives after the step at which it is killed. */
const LATENCY_MS = 200;

/** Everything is published late, as over a slow line: no fault. */
function publishLate(): void {
  const { publish } = NatsPublisher.prototype;
  NatsPublisher.prototype.publish = function (message, receipt) {
    setTimeout(() => publish.call(this, message, receipt), LATENCY_MS);
  };
}

const BUILDS: Readonly<Record<string, () => void>> = {
  late: publishLate,
  ack_before_confirmation() {
    publishLate();
    Flight.prototype.expect = () => {};
  },
  random_ids() {
    MessageIds.prototype.of = () => crypto.randomUUID();
  },
  error_record_after_ack() {
    const { report } = ErrorStream.prototype;
    ErrorStream.prototype.report = function (flight, error) {
      setTimeout(() => void report.call(this, flight, error), LATENCY_MS);
      return Promise.resolve(true);
    };
  },
  no_progress() {
    NatsConsumer.prototype.working = () => {};
    NatsConsumer.prototype.workingAhead = () => {};
  },
};

BUILDS[process.env.BROKEN ?? ""]!();
const { main } = "Deno" in globalThis
  ? await import("../../../adapters/deno/main.ts")
  : await import("../../../adapters/bun/main.ts");
await main();
