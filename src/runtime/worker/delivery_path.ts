import type { Delivery } from "../../broker/broker.ts";
import type { RecordSchema } from "../../codec/codec.ts";
import type { Timers } from "../../base/time/timers.ts";
import type { Settlement } from "./settle_delivery.ts";
import { isPending } from "../../base/time/pending.ts";
import type { Step } from "../calls/step.ts";
import { Flight } from "../records/flight.ts";
import { Flights } from "../records/flights.ts";
import type { ManualAck } from "../records/manual_ack.ts";
import type { Encoded, TaskOutputs } from "../records/outputs.ts";
import type { TaskProgress } from "../progress/task_progress.ts";
import { type Schemas, SchemaUnreachable } from "../records/schemas.ts";
import type { TaskSpans } from "../records/task_spans.ts";
import { Trace } from "../records/trace.ts";
import { UnderWay } from "./pending_work.ts";

/*
 * One delivery, from top to bottom (DESIGN.md 6). Names in brackets are the files.
 *
 *     consumer.next()                 no more than free slots [slots]
 *          │
 *          ├─ delivered too often ──────────────────────────► dead letter ─┐
 *          ▼                                                               │
 *     decode with the writer's schema [schemas]                            │
 *          ├─ undecodable, or its schema is wrong ──────────► dead letter ─┤
 *          ▼                                                               │
 *     measure → download → process    [chain, download_step]               │
 *          ├─ error ─► [acknowledge]  AckError ────────────────────────────┤
 *          │                          else nak with backoff, or dead letter┤
 *          ▼                                                               │
 *     encode all, publish all         [outputs]                            │
 *          ┆   the loop goes on with the next delivery meanwhile           │
 *          ▼                                                               │
 *     last confirmation               [flight]                             │
 *          ▼                                                               ▼
 *     ack, remove the download  ◄──────────────────────────────────────── ack
 */

export interface FlightPathOptions {
  schemas: Pick<Schemas, "of">;
  outputs: TaskOutputs;
  acknowledge: Settlement;
  progress: TaskProgress;
  /** The function with everything around it. */
  step: Step;
  /** Present if the function acknowledges by itself. */
  manual?: ManualAck;
  timers: Timers;
  /** Present if somebody wants to know of the steps of traces. */
  spans?: TaskSpans;
  /** Whether a trace begins with a delivery that belongs to none, and `spans` are wanted. @default false */
  startsTraces?: boolean;
  /** Told whenever inputs begin or cease to be held. */
  heldChanged: () => void;
}

/** The way of every delivery of one worker, from the moment that it is begun until it is settled. */
export class FlightPath {
  readonly flights = new Flights();
  /** What is done for deliveries after their calls. */
  readonly running = new UnderWay();
  /** Downloads of settled deliveries that are being removed. */
  readonly #removals = new UnderWay();
  readonly #options: FlightPathOptions;
  readonly #landed = (flight: Flight) => this.#land(flight);
  /** Times of the calls that had to be awaited, since somebody asked. */
  #awaited = { calls: 0, milliseconds: 0 };

  constructor(options: FlightPathOptions) {
    this.#options = options;
    options.manual?.attach({
      release: (flight, outputs) => this.#release(flight, outputs),
      landed: (group, error) => this.#landGroup(group, error),
    });
  }

  /** Deliveries begun and not done with. */
  get size(): number {
    return this.flights.size + this.#removals.size;
  }

  /** Mean time of the calls that had to be awaited since this was last asked, ms; 0 if there were none. */
  takeMeanMs(): number {
    const { calls, milliseconds } = this.#awaited;
    this.#awaited = { calls: 0, milliseconds: 0 };
    return calls === 0 ? 0 : milliseconds / calls;
  }

  /**
   * Starts on a delivery. The promise, if there is one, resolves when the function has returned; it never rejects.
   * @param tries How often its message was begun, with this time.
   */
  begin(delivery: Delivery, now: number, tries: number): Promise<void> | undefined {
    const { schemas, acknowledge, progress } = this.#options;
    const flight = new Flight(delivery, now, tries, this.#landed, this.#traceOf(delivery));
    this.flights.add(flight);
    progress.begun(delivery.body.length);
    if (delivery.attempt > 1) {
      progress.add("redelivered");
      if (acknowledge.isExhausted(flight)) {
        const reason = "The message was delivered too often without an answer";
        const settled = acknowledge.bury(flight, reason);
        this.running.add(this.#leave(flight, settled, new Error(reason)));
        return undefined;
      }
    }
    try {
      const schema = schemas.of(delivery);
      if (schema instanceof Promise) return this.#continue(flight, schema);
      return this.#call(flight, schema);
    } catch (error) {
      flight.threw(error);
      return undefined;
    }
  }

  #traceOf(delivery: Delivery): Trace | undefined {
    const { spans, startsTraces } = this.#options;
    return Trace.of(delivery) ?? (startsTraces ? spans?.start() : undefined);
  }

  async #continue(flight: Flight, fetching: Promise<RecordSchema>): Promise<void> {
    flight.waits = true;
    try {
      const schema = await fetching;
      flight.waits = false;
      await this.#call(flight, schema);
    } catch (error) {
      flight.threw(error);
    }
  }

  #call(flight: Flight, schema: RecordSchema): Promise<void> | undefined {
    flight.schema = schema;
    flight.record = schema.decode(flight.delivery.body);
    const answer = this.#options.step(flight);
    if (isPending(answer)) return this.#await(flight, answer);
    this.#publish(flight, answer);
    return undefined;
  }

  async #await(flight: Flight, answer: PromiseLike<unknown>): Promise<void> {
    try {
      const returned = await answer;
      this.#timed(flight);
      this.#publish(flight, returned);
    } catch (error) {
      this.#timed(flight);
      flight.threw(error);
    }
  }

  /** The call is over: the next may begin while the failure is settled. */
  #fail(flight: Flight, error: unknown): void {
    flight.isOver = true;
    const { acknowledge } = this.#options;
    if (error instanceof SchemaUnreachable) {
      acknowledge.handBack(flight.delivery);
      return this.#settled(flight, { error });
    }
    const settled = acknowledge.failed(flight, error);
    this.running.add(this.#leave(flight, settled, error));
  }

  #timed(flight: Flight): void {
    this.#awaited.calls++;
    this.#awaited.milliseconds += this.#options.timers.now() - flight.startedAt;
  }

  /** Throws only before anything was published. */
  #publish(flight: Flight, returned: unknown): void {
    const { manual, outputs, progress } = this.#options;
    if (manual !== undefined) return this.#hold(flight, manual, returned);
    const count = outputs.publish(flight, returned);
    progress.counts.out += count;
    flight.returned = true;
    flight.seal();
  }

  #hold(flight: Flight, manual: ManualAck, returned: unknown): void {
    const { outputs, heldChanged } = this.#options;
    const encoded = outputs.encode(returned);
    flight.returned = flight.isOver = true;
    if (manual.hold(flight, encoded)) this.flights.delete(flight);
    heldChanged();
  }

  #release(flight: Flight, outputs: Encoded): void {
    this.flights.add(flight);
    const count = this.#options.outputs.publishEncoded(flight, outputs);
    this.#options.progress.counts.out += count;
    flight.seal();
  }

  #landGroup(group: readonly Flight[], error: Error | undefined): void {
    const { acknowledge, manual } = this.#options;
    for (const flight of group) {
      if (error !== undefined) {
        this.#fail(flight, error);
        continue;
      }
      acknowledge.done(flight);
      const { download } = flight;
      flight.download = undefined;
      if (download !== undefined) this.#remove(manual!.settled(download));
      this.#settled(flight);
    }
    this.#options.heldChanged();
  }

  /** Hands back what is held. Returns how many there were. */
  handBackHeld(): number {
    const flights = this.#options.manual?.takeAll() ?? [];
    for (const flight of flights) {
      this.#options.acknowledge.handBack(flight.delivery);
      this.#forget(flight);
    }
    return flights.length;
  }

  /** Everything published for the flight has its answer. */
  #land(flight: Flight): void {
    const { acknowledge, progress } = this.#options;
    if (flight.duplicates > 0) progress.add("duplicates", flight.duplicates);
    if (flight.group !== undefined) return flight.group.land(flight);
    const { failure } = flight;
    if (failure !== undefined) return this.#fail(flight, failure.error);
    acknowledge.done(flight);
    this.#settled(flight);
  }

  async #leave(flight: Flight, settled: Promise<void>, error: unknown): Promise<void> {
    await settled;
    this.#settled(flight, { error });
  }

  #settled(flight: Flight, failure?: { error: unknown }): void {
    this.#options.spans?.processed(flight, failure);
    this.#forget(flight);
  }

  #forget(flight: Flight): void {
    const { download } = flight;
    if (download !== undefined) {
      flight.download = undefined;
      const { manual } = this.#options;
      this.#remove(manual === undefined ? download.remove() : manual.abandoned(download));
    }
    this.flights.delete(flight);
  }

  #remove(removal: Promise<void>): void {
    this.running.add(removal);
    this.#removals.add(removal);
  }
}
