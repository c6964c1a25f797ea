import type { Consumer, Delivery } from "../broker/broker.ts";
import type { RecordSchema } from "../codec/codec.ts";
import type { Acknowledge } from "./acknowledge.ts";
import { isPending, type Step } from "./chain.ts";
import { Flight } from "./flight.ts";
import type { TaskOutputs } from "./outputs.ts";
import type { TaskProgress } from "./progress.ts";
import type { Schemas } from "./schemas.ts";
import { Slots } from "./slots.ts";
import { REAL_TIMERS, type Timers } from "../timers.ts";

/*
 * One delivery, from top to bottom (DESIGN.md 6). Names in brackets are the files.
 *
 *     consumer.next()                 no more than free slots [slots]
 *          │
 *          ├─ delivered too often ──────────────────────────► dead letter ─┐
 *          ▼                                                               │
 *     decode with the writer's schema [schemas]                            │
 *          ├─ undecodable ──────────────────────────────────► dead letter ─┤
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

export interface TaskWorkerOptions {
  consumer: Consumer;
  schemas: Schemas;
  outputs: TaskOutputs;
  acknowledge: Acknowledge;
  progress: TaskProgress;
  /** The function with everything around it. */
  step: Step;
  ackWaitMs: number;
  /** Calls at once. */
  concurrency: number;
  maxInFlight: number;
  /** `KFLOW_LONG_RUNNING_PROCESSING`: the ack wait does not run while the function does. */
  longRunning: boolean;
  /** @default the real ones */
  timers?: Timers;
}

/** A delivery that came this often may be what ended its earlier workers: it gets the worker for itself. */
const SUSPECT_ATTEMPT = 3;

/**
 * A worker that is told to stop begins what it has taken for this long: handing a delivery back costs it an attempt. More than a second's work is
 * seldom taken ahead.
 */
const FINISH_MS = 1000;

/** After this long without a turn of the event loop, timers, signals and sockets get theirs. */
const TURN_MS = 25;

/** One worker of a task: takes deliveries until it is stopped or told that there are no more. */
export class TaskWorker {
  readonly #options: TaskWorkerOptions;
  readonly #slots: Slots;
  readonly #timers: Timers;
  readonly #flights = new Set<Flight>();
  /** Calls of the function. */
  readonly #calls = new Set<Promise<void>>();
  /** What is done for deliveries after their calls. */
  readonly #running = new Set<Promise<void>>();
  readonly #idleWaiters: (() => void)[] = [];
  readonly #landed = (flight: Flight) => this.#land(flight);
  #stopping = false;
  /** After this time nothing more is begun. */
  #stopAt = Infinity;
  #turnAt = 0;
  /** Deliveries taken from the consumer and not started. */
  #waiting: Delivery[] = [];
  /** When the ack wait of everything waiting was last started anew; 0 if not since it was taken. */
  #touchedAt = 0;
  /** Times of the calls that had to be awaited, since the slots were last set. */
  #awaited = { calls: 0, milliseconds: 0 };

  constructor(options: TaskWorkerOptions) {
    this.#options = options;
    this.#timers = options.timers ?? REAL_TIMERS;
    const { ackWaitMs, concurrency, maxInFlight } = options;
    this.#slots = new Slots({ ackWaitMs, concurrency, most: maxInFlight });
  }

  /** Deliveries taken and not settled. */
  get inFlight(): number {
    return this.#flights.size + this.#waiting.length;
  }

  /** Works until `stop()`; resolves when nothing is in flight any more. */
  async run(): Promise<void> {
    const { consumer, ackWaitMs } = this.#options;
    const endBeats = this.#timers.every(ackWaitMs / 3, () => this.#beat());
    this.#turnAt = this.#timers.now();
    try {
      consumer.slots = this.#slots.count;
      for (;;) {
        const batch = await consumer.next();
        if (batch.length > 0) await this.#work(batch);
        else if (this.#stopping) break;
      }
      await this.#settled();
    } finally {
      endBeats();
    }
  }

  /** No new deliveries. What is taken is finished for a moment longer, and then handed back. Safe to call twice. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#stopAt = this.#timers.now() + FINISH_MS;
    this.#options.consumer.stop();
  }

  /** Resolves when every flight has landed. */
  idle(): Promise<void> {
    if (this.#flights.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  async #work(batch: Delivery[]): Promise<void> {
    const { consumer, progress } = this.#options;
    this.#touchedAt = 0;
    const started = this.#timers.now();
    const suspects = batch.filter((delivery) => delivery.attempt >= SUSPECT_ATTEMPT);
    if (suspects.length === 0) {
      await this.#workThrough(batch, []);
    } else {
      const others = batch.filter((delivery) => delivery.attempt < SUSPECT_ATTEMPT);
      await this.#workThrough(others, suspects);
      consumer.slots = 1;
      await this.#settled();
      await this.#workThrough(suspects, []);
    }
    const ended = this.#timers.now();
    this.#adapt((ended - started) / batch.length);
    progress.touch(ended);
  }

  /** @param later What is worked through after this batch, and has to be kept alive meanwhile. */
  async #workThrough(batch: Delivery[], later: Delivery[]): Promise<void> {
    for (let i = 0; i < batch.length; i++) {
      const delivery = batch[i]!;
      let now = this.#timers.now();
      if (now - this.#turnAt > TURN_MS) {
        this.#waiting = [...batch.slice(i), ...later];
        await turn();
        now = this.#turnAt = this.#timers.now();
      }
      if (now > this.#stopAt) {
        this.#options.acknowledge.handBack(delivery);
        continue;
      }
      const answer = this.#begin(delivery, now);
      if (answer === undefined) continue;
      this.#waiting = [...batch.slice(i + 1), ...later];
      this.#track(answer, this.#calls);
      if (delivery.attempt >= SUSPECT_ATTEMPT) await this.#settled();
      while (this.#calls.size >= this.#options.concurrency) await Promise.race(this.#calls);
      this.#turnAt = this.#timers.now();
    }
    this.#waiting = later;
  }

  /** Resolves when nothing runs and everything begun has landed. */
  async #settled(): Promise<void> {
    while (this.#calls.size + this.#running.size > 0) {
      await Promise.all([...this.#calls, ...this.#running]);
    }
    await this.idle();
  }

  #track(work: Promise<void>, set = this.#running): void {
    const tracked = work.finally(() => set.delete(tracked));
    set.add(tracked);
  }

  #adapt(wallMs: number): void {
    const { calls, milliseconds } = this.#awaited;
    this.#awaited = { calls: 0, milliseconds: 0 };
    const callMs = calls === 0 ? 0 : milliseconds / calls / this.#options.concurrency;
    this.#slots.observe(Math.max(wallMs, callMs));
    this.#options.consumer.slots = this.#slots.count;
  }

  /** Starts on a delivery. The promise, if there is one, resolves when the function has returned; it never rejects. */
  #begin(delivery: Delivery, now: number): Promise<void> | undefined {
    const { consumer, schemas, acknowledge, progress, ackWaitMs } = this.#options;
    if (now - Math.max(delivery.receivedAt, this.#touchedAt) > ackWaitMs) {
      consumer.forget(delivery);
      return undefined;
    }
    const flight = new Flight(delivery, now, this.#landed);
    this.#flights.add(flight);
    progress.add("in");
    if (delivery.attempt > 1) {
      progress.add("redelivered");
      if (acknowledge.isExhausted(flight)) {
        const reason = "The message was delivered too often without an answer";
        this.#track(this.#leave(flight, acknowledge.bury(flight, reason)));
        return undefined;
      }
    }
    try {
      const schema = schemas.of(delivery);
      if (schema instanceof Promise) return this.#continue(flight, schema);
      return this.#call(flight, schema);
    } catch (error) {
      this.#fail(flight, error);
      return undefined;
    }
  }

  async #continue(flight: Flight, schema: Promise<RecordSchema>): Promise<void> {
    try {
      await this.#call(flight, await schema);
    } catch (error) {
      this.#fail(flight, error);
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
      this.#fail(flight, error);
    }
  }

  /** The call is over: the next may begin while the failure is settled. */
  #fail(flight: Flight, error: unknown): void {
    this.#track(this.#leave(flight, this.#options.acknowledge.failed(flight, error)));
  }

  #timed(flight: Flight): void {
    this.#awaited.calls++;
    this.#awaited.milliseconds += this.#timers.now() - flight.startedAt;
  }

  /** Throws only before anything was published. */
  #publish(flight: Flight, returned: unknown): void {
    const count = this.#options.outputs.publish(flight, returned);
    flight.returned = true;
    if (count > 0) this.#options.progress.add("out", count);
    flight.seal();
  }

  /** Everything published for the flight has its answer. */
  #land(flight: Flight): void {
    const { acknowledge, progress } = this.#options;
    if (flight.duplicates > 0) progress.add("duplicates", flight.duplicates);
    if (flight.error !== undefined) {
      this.#fail(flight, flight.error);
      return;
    }
    acknowledge.done(flight);
    this.#forget(flight);
  }

  async #leave(flight: Flight, settled: Promise<void>): Promise<void> {
    await settled;
    this.#forget(flight);
  }

  #forget(flight: Flight): void {
    const { download } = flight;
    if (download !== undefined) {
      flight.download = undefined;
      this.#track(download.remove());
    }
    this.#flights.delete(flight);
    if (this.#flights.size > 0) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** Keeps alive what only waits: for its turn, or for confirmations; and what runs, if it was asked for. */
  #beat(): void {
    const { consumer, longRunning, ackWaitMs } = this.#options;
    const now = this.#timers.now();
    for (const flight of this.#flights) {
      if (flight.returned || flight.waits || longRunning) consumer.working(flight.delivery);
    }
    // A function that has run for a whole ack wait may never return: others should have what waits behind it.
    const hangs = !longRunning && this.#calls.size > 0 && now - this.#turnAt > ackWaitMs &&
      [...this.#flights].some((flight) => !flight.returned && !flight.waits);
    for (const delivery of this.#waiting) {
      if (!hangs) consumer.working(delivery);
    }
    if (!hangs) this.#touchedAt = now;
  }
}

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
