import type { Headers, Publisher } from "../../broker/broker.ts";
import { FlowNames } from "../../broker/subjects.ts";
import { reasonOf } from "../../base/errors.ts";
import { HttpError } from "../../http/http_error.ts";
import type { Plan, TaskPlan } from "../../pipeline/plan/plan.ts";
import { SCHEMA_HEADER } from "../../runtime/records/schemas.ts";
import type { Trace } from "../../runtime/records/trace.ts";
import { aborted } from "../../base/time/waiting.ts";
import type { AnsweredRecord } from "./call_answer.ts";
import type { FlowEdges } from "../flow_edges.ts";
import { type NatsDoor, unavailable } from "../lazy_nats.ts";

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
  edges: FlowEdges;
}

/** Puts what came of calls on the edges of the flow. */
export class OutputPublisher {
  readonly #options: OutputPublisherOptions;
  readonly #names: FlowNames;

  constructor(options: OutputPublisherOptions) {
    this.#options = options;
    this.#names = new FlowNames(options.plan.flowId);
  }

  /**
   * Publishes once per consumer, and waits until all of it is confirmed.
   * @param ids Of the inputs, in order: what is made from the same input has the same ids.
   * @param trace That the call belongs to.
   * @throws {HttpError} 503 if not all of it could be stored; the signal's reason. The same call again stores what is missing.
   */
  async publish(
    task: TaskPlan,
    records: readonly AnsweredRecord[],
    { ids, trace, signal }: {
      ids: readonly string[];
      trace?: Trace | undefined;
      signal: AbortSignal;
    },
  ): Promise<PublishedPlace[]> {
    const broker = await this.#options.nats.broker();
    const schemas = await this.#options.edges.ready(broker, task);
    try {
      for (const { text } of new Set(records.map(({ schema }) => schema))) {
        await schemas.register(text);
      }
    } catch (error) {
      throw unavailable(`Cannot publish: ${reasonOf(error)}`, error);
    }
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
          const headers = { [SCHEMA_HEADER]: record.schema.fingerprint };
          sent.push(publishOne(publisher, {
            body: record.body,
            headers: trace?.on(headers) ?? headers,
          }, place));
        }
      }
      const all = Promise.all(sent);
      all.catch(() => {});
      const places = await Promise.race([all, aborted(signal)]);
      if (places !== undefined) return places;
      this.#options.edges.forget();
      throw signal.reason;
    } finally {
      publisher.close();
    }
  }
}

function publishOne(
  publisher: Publisher,
  content: { body: Uint8Array; headers: Headers },
  place: Omit<PublishedPlace, "sequence" | "duplicate">,
): Promise<PublishedPlace> {
  const { promise, resolve, reject } = Promise.withResolvers<PublishedPlace>();
  let sequence: number | undefined;
  publisher.publish({
    subject: place.subject,
    id: place.id,
    ...content,
  }, {
    placed: (at) => sequence = at,
    stored: (duplicate) => resolve({ ...place, sequence, duplicate }),
    failed: (error) =>
      reject(
        new HttpError(500, `Cannot publish: ${reasonOf(error)}`, {
          hint: "trying again does not help; records of one call may be stored all the same",
          cause: error,
        }),
      ),
  });
  return promise;
}
