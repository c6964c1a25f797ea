import type {
  Broker,
  Consumer,
  Delivery,
  GroupSpec,
  OutMessage,
  Publisher,
  Receipt,
} from "../broker/broker.ts";
import type { StateStore } from "../broker/state_store.ts";
import { FlowNames } from "../broker/subjects.ts";
import { WrappedConsumer } from "../broker/wrapped.ts";
import { WrappedPublisher } from "../broker/wrapped_publisher.ts";
import type { Failpoint, Hit } from "../settings/failpoint_setting.ts";

/** The same broker, with failpoints around what workers of the flow ask of it. */
export function failingBroker(broker: Broker, flow: string, hit: Hit): Broker {
  const names = new FlowNames(flow);
  const isDead = (subject: string) => subject.startsWith(names.deadSubjects.slice(0, -1));
  const isEdge = (subject: string) => subject.startsWith(`kflow.${flow}.`);
  const pointsOf = (subject: string): Points =>
    isDead(subject) ? DEAD_LETTER : isEdge(subject) ? RECORD : ERROR_RECORD;
  return {
    durable: broker.durable,
    maxPayload: broker.maxPayload,
    state: failingState(broker.state, hit),
    ensureQueues: (queues) => broker.ensureQueues(queues),
    ensureTopic: (topic, options) => broker.ensureTopic(topic, options),
    consume: async (group: GroupSpec) => new FailingConsumer(await broker.consume(group), hit),
    read: (reader) => broker.read(reader),
    queueState: (stream, group) => broker.queueState(stream, group),
    publisher: (options) => new FailingPublisher(broker.publisher(options), pointsOf, hit),
    isConnected: () => broker.isConnected(),
    close: () => broker.close(),
  };
}

interface Points {
  readonly before: Failpoint;
  readonly after?: Failpoint;
  readonly beforeConfirmed?: Failpoint;
  readonly afterConfirmed: Failpoint;
}

const RECORD: Points = {
  before: "before_publish",
  after: "after_publish",
  beforeConfirmed: "before_publish_confirmed",
  afterConfirmed: "after_publish_confirmed",
};
const ERROR_RECORD: Points = {
  before: "before_error_record",
  afterConfirmed: "after_error_record",
};
const DEAD_LETTER: Points = { before: "before_dead_letter", afterConfirmed: "after_dead_letter" };

class FailingPublisher extends WrappedPublisher {
  readonly #pointsOf: (subject: string) => Points;
  readonly #hit: Hit;

  constructor(inner: Publisher, pointsOf: (subject: string) => Points, hit: Hit) {
    super(inner);
    this.#pointsOf = pointsOf;
    this.#hit = hit;
  }

  override publish(message: OutMessage, receipt: Receipt): void {
    const hit = this.#hit;
    const { before, after, beforeConfirmed, afterConfirmed } = this.#pointsOf(message.subject);
    hit(before);
    super.publish(message, {
      placed: receipt.placed && ((sequence) => receipt.placed!(sequence)),
      stored(duplicate) {
        if (beforeConfirmed !== undefined) hit(beforeConfirmed);
        receipt.stored(duplicate);
        hit(afterConfirmed);
      },
      failed: (error) => receipt.failed(error),
    });
    if (after !== undefined) hit(after);
  }
}

class FailingConsumer extends WrappedConsumer {
  readonly #hit: Hit;

  constructor(inner: Consumer, hit: Hit) {
    super(inner);
    this.#hit = hit;
  }

  override async next(): Promise<Delivery[]> {
    const deliveries = await super.next();
    if (deliveries.length > 0) this.#hit("after_delivery");
    return deliveries;
  }

  override ack(delivery: Delivery): void {
    this.#hit("before_ack");
    super.ack(delivery);
    this.#hit("after_ack");
  }

  override nak(delivery: Delivery, delayMs?: number): void {
    this.#hit("before_nak");
    super.nak(delivery, delayMs);
    this.#hit("after_nak");
  }
}

function failingState(state: StateStore, hit: Hit): StateStore {
  return {
    get: (key) => state.get(key),
    async put(key, value, options) {
      const isEnd = key.startsWith("finished.");
      if (isEnd) hit("before_finished");
      const revision = await state.put(key, value, options);
      if (isEnd) hit("after_finished");
      return revision;
    },
    delete: (key) => state.delete(key),
    keys: (prefix) => state.keys(prefix),
    watch: (prefix, changed, signal) => state.watch(prefix, changed, signal),
  };
}
