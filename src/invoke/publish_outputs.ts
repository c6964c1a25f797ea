import { NATS_QUEUE_BYTES } from "../app.ts";
import type { Broker, Publisher } from "../broker/broker.ts";
import { FlowNames } from "../broker/subjects.ts";
import type { Codec } from "../codec/codec.ts";
import { reasonOf } from "../errors.ts";
import type { Plan, TaskPlan } from "../pipeline/plan.ts";
import { queueOf } from "../runtime/queues.ts";
import { SCHEMA_HEADER, Schemas } from "../runtime/schemas.ts";
import { aborted } from "../waiting.ts";
import type { AnsweredRecord } from "./call_answer.ts";
import { type NatsDoor, unavailable } from "./nats_door.ts";

/** Where a record lies now. */
export interface PublishedPlace {
  /** Place of the record that it was made from, from 0. */
  readonly item: number;
  readonly sideOut?: string;
  readonly stream: string;
  readonly subject: string;
  /** In the stream; of a duplicate that of the record that was there before. */
  readonly sequence: number | undefined;
  /** Message id. */
  readonly id: string;
  /** Whether a record with this id was there before: then this one was not stored. */
  readonly duplicate: boolean;
}

export interface OutputPublisherOptions {
  plan: Plan;
  nats: NatsDoor;
  codec: Codec;
}

/** Puts what came of calls on the edges of the flow. */
export class OutputPublisher {
  readonly #options: OutputPublisherOptions;
  readonly #names: FlowNames;
  /** Streams that are there. */
  readonly #ensured = new Set<string>();
  #schemas?: { of: Broker; schemas: Schemas };

  constructor(options: OutputPublisherOptions) {
    this.#options = options;
    this.#names = new FlowNames(options.plan.flowId);
  }

  /**
   * Publishes once per consumer, and waits until all of it is confirmed.
   * @param ids Of the inputs, in order: what is made from the same input has the same ids.
   * @throws {HttpError} 503 if not all of it could be stored; the signal's reason. The same call again stores what is missing.
   */
  async publish(
    task: TaskPlan,
    records: readonly AnsweredRecord[],
    { ids, signal }: { ids: readonly string[]; signal: AbortSignal },
  ): Promise<PublishedPlace[]> {
    const broker = await this.#options.nats.broker();
    await this.#prepare(broker, task, records);
    signal.throwIfAborted();
    const publisher = broker.publisher();
    try {
      const sent: Promise<PublishedPlace>[] = [];
      const counts = new Map<string, number>();
      for (const record of records) {
        const { item, sideOut } = record;
        const output = task.outputs.find((each) => each.sideOut === sideOut);
        const prefix = `${ids[item]}.${sideOut === undefined ? "" : `~${sideOut}`}`;
        const index = counts.get(prefix) ?? 0;
        counts.set(prefix, index + 1);
        for (const consumer of output?.consumers ?? []) {
          const subject = this.#names.edge(consumer, task.id, sideOut);
          const place = {
            item,
            ...(sideOut !== undefined && { sideOut }),
            stream: this.#names.stream(consumer),
            subject,
            id: `${prefix}.${index}`,
          };
          sent.push(publishOne(publisher, record, place));
        }
      }
      const all = Promise.all(sent);
      all.catch(() => {});
      const places = await Promise.race([all, aborted(signal)]);
      if (places !== undefined) return places;
      // A stream that was taken away is made again the next time.
      this.#ensured.clear();
      throw signal.reason;
    } finally {
      publisher.close();
    }
  }

  async #prepare(
    broker: Broker,
    task: TaskPlan,
    records: readonly AnsweredRecord[],
  ): Promise<void> {
    const { plan, codec } = this.#options;
    try {
      const consumers = new Set(task.outputs.flatMap((output) => output.consumers));
      for (const consumer of plan.tasks.filter(({ id }) => consumers.has(id))) {
        const queue = queueOf(consumer, this.#names, NATS_QUEUE_BYTES);
        if (this.#ensured.has(queue.stream)) continue;
        await broker.ensureQueue(queue);
        this.#ensured.add(queue.stream);
      }
      if (this.#schemas?.of !== broker) {
        const schemas = new Schemas({ codec, state: broker.state, flow: plan.flowId });
        this.#schemas = { of: broker, schemas };
      }
      for (const schema of new Set(records.map((record) => record.schema))) {
        await this.#schemas.schemas.register(schema.text);
      }
    } catch (error) {
      throw unavailable(`Cannot publish: ${reasonOf(error)}`, error);
    }
  }
}

function publishOne(
  publisher: Publisher,
  { body, schema }: AnsweredRecord,
  place: Omit<PublishedPlace, "sequence" | "duplicate">,
): Promise<PublishedPlace> {
  const { promise, resolve, reject } = Promise.withResolvers<PublishedPlace>();
  let sequence: number | undefined;
  publisher.publish({
    subject: place.subject,
    id: place.id,
    body,
    headers: { [SCHEMA_HEADER]: schema.fingerprint },
  }, {
    placed: (at) => sequence = at,
    stored: (duplicate) => resolve({ ...place, sequence, duplicate }),
    failed: (error) => reject(unavailable(`Cannot publish: ${reasonOf(error)}`, error)),
  });
  return promise;
}
