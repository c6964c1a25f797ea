import type { Consumer, Delivery } from "../broker/broker.ts";
import type { RecordSchema } from "../codec/codec.ts";
import type { Settlement } from "./acknowledge.ts";
import type { Bulk } from "./bulk.ts";
import { isPending, type Step } from "./chain.ts";
import { Flight } from "./flight.ts";
import { Flights } from "./flights.ts";
import type { ManualAck } from "./manual_ack.ts";
import type { Encoded, TaskOutputs } from "./outputs.ts";
import type { TaskProgress } from "./progress.ts";
import type { Schemas } from "./schemas.ts";
import { turn } from "../waiting.ts";
import { Slots } from "./slots.ts";
import { UnderWay } from "./under_way.ts";
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
  task: string;
  consumer: Consumer;
  schemas: Pick<Schemas, "of">;
  outputs: TaskOutputs;
  acknowledge: Settlement;
  progress: TaskProgress;
  /** The function with everything around it. */
  step: Step;
  ackWaitMs: number;
  /** Calls at once. */
  concurrency: number;
  maxInFlight: number;
  /** `KFLOW_LONG_RUNNING_PROCESSING`: the ack wait does not run while the function does. */
  longRunning: boolean;
  /** Present if the function acknowledges by itself. */
  manual?: ManualAck;
  /** Present in bulk mode. */
  bulk?: Pick<Bulk, "flush">;
  /** How long a worker that is told to stop begins what it has taken, ms. @default 1000 */
  finishMs?: number;
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

/** After this long timers, signals and sockets get their turn. */
const TURN_MS = 25;

/** One worker of a task: takes deliveries until it is stopped or told that there are no more. */
export class TaskWorker {
  readonly #options: TaskWorkerOptions;
  readonly #slots: Slots;
  readonly #timers: Timers;
  readonly #flights = new Flights();
  /** Calls of the function. */
  readonly #calls = new UnderWay();
  /** What is done for deliveries after their calls. */
  readonly #running = new UnderWay();
  readonly #landed = (flight: Flight) => this.#land(flight);
  #stopping = false;
  /** Why the worker cannot go on. */
  #failure?: Error;
  /** After this time nothing more is begun. */
  #stopAt = Infinity;
  #turnAt = 0;
  /** Deliveries taken from the consumer and not started. */
  #waiting: Delivery[] = [];
  /** When the ack wait of everything that waited here was last started anew. */
  #touchedAt = 0;
  /** Times of the calls that had to be awaited, since the slots were last set. */
  #awaited = { calls: 0, milliseconds: 0 };

  constructor(options: TaskWorkerOptions) {
    this.#options = options;
    this.#timers = options.timers ?? REAL_TIMERS;
    options.manual?.attach({
      release: (flight, outputs) => this.#release(flight, outputs),
      landed: (group, error) => this.#landGroup(group, error),
    });
    this.#slots = new Slots({ ...options, most: options.maxInFlight });
  }

  /** Deliveries taken and not settled. */
  get inFlight(): number {
    return this.#flights.size + this.#waiting.length + this.held;
  }

  /** Inputs that wait for the function's `requestAck()`. */
  get held(): number {
    return this.#options.manual?.held ?? 0;
  }

  get isCalling(): boolean {
    return this.#calls.size > 0;
  }

  /** Whether every delivery that was taken is held. */
  get onlyHolds(): boolean {
    return this.held > 0 && this.inFlight === this.held;
  }

  /** For how long the loop has waited for the function alone, ms; 0 where calls may take as long as they like. */
  hungMs(now = this.#timers.now()): number {
    const isIn = !this.#options.longRunning && this.#calls.size > 0 && this.#flights.areInFunction;
    return isIn ? now - this.#turnAt : 0;
  }

  /**
   * Works until `stop()`. Then `close` is called, which may still ask for what is held, and what is left is handed back. Resolves with
   * how many that were, when nothing is in flight any more.
   */
  async run(close: () => Promise<void>): Promise<number> {
    const { consumer, ackWaitMs } = this.#options;
    const endBeats = this.#timers.every(ackWaitMs / 3, () => this.#beat());
    this.#turnAt = this.#timers.now();
    try {
      this.#setSlots();
      for (;;) {
        const batch = await consumer.next();
        if (batch.length > 0) await this.#work(batch);
        else if (this.#stopping) break;
      }
      await this.#settled();
      await close();
      await this.#settled();
      const left = this.#handBackHeld();
      if (this.#failure !== undefined) throw this.#failure;
      return left;
    } finally {
      endBeats();
    }
  }

  /** No new deliveries. What is taken is finished for a moment longer, and then handed back. Safe to call twice. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#stopAt = this.#timers.now() + (this.#options.finishMs ?? FINISH_MS);
    this.#options.consumer.stop();
  }

  async #work(batch: Delivery[]): Promise<void> {
    const { consumer, progress } = this.#options;
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
    progress.touch(started, ended);
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
      this.#calls.add(answer);
      if (delivery.attempt >= SUSPECT_ATTEMPT) await this.#settled();
      while (this.#calls.size >= this.#options.concurrency) await this.#calls.one();
      this.#turnAt = this.#timers.now();
    }
    this.#waiting = later;
  }

  /** Resolves when nothing runs and everything begun has landed. */
  async #settled(): Promise<void> {
    while (this.#calls.size + this.#running.size > 0) {
      this.#options.bulk?.flush();
      await this.#calls.all();
      await this.#running.all();
    }
    await this.#flights.none();
  }

  #adapt(wallMs: number): void {
    const { calls, milliseconds } = this.#awaited;
    this.#awaited = { calls: 0, milliseconds: 0 };
    const callMs = calls === 0 ? 0 : milliseconds / calls / this.#options.concurrency;
    this.#slots.observe(Math.max(wallMs, callMs));
    this.#setSlots();
  }

  /** What is held takes no slot from what comes. */
  #setSlots(): void {
    const { consumer, maxInFlight } = this.#options;
    consumer.slots = Math.min(this.#slots.count + this.held, Math.max(maxInFlight, 1));
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
    progress.begun(delivery.body.length);
    if (delivery.attempt > 1) {
      progress.add("redelivered");
      if (acknowledge.isExhausted(flight)) {
        const reason = "The message was delivered too often without an answer";
        this.#running.add(this.#leave(flight, acknowledge.bury(flight, reason)));
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

  async #continue(flight: Flight, schema: Promise<RecordSchema>): Promise<void> {
    try {
      await this.#call(flight, await schema);
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
    this.#running.add(this.#leave(flight, this.#options.acknowledge.failed(flight, error)));
  }

  #timed(flight: Flight): void {
    this.#awaited.calls++;
    this.#awaited.milliseconds += this.#timers.now() - flight.startedAt;
  }

  /** Throws only before anything was published. */
  #publish(flight: Flight, returned: unknown): void {
    const { manual } = this.#options;
    if (manual !== undefined) return this.#hold(flight, manual, returned);
    this.#options.progress.add("out", this.#options.outputs.publish(flight, returned));
    flight.returned = true;
    flight.seal();
  }

  #hold(flight: Flight, manual: ManualAck, returned: unknown): void {
    const { maxInFlight, outputs, task } = this.#options;
    const encoded = outputs.encode(returned);
    flight.returned = flight.isOver = true;
    if (manual.hold(flight, encoded)) this.#flights.delete(flight);
    this.#setSlots();
    if (manual.held < maxInFlight) return;
    this.#failure = new Error(
      `Task "${task}" holds ${manual.held} inputs without requestAck(), and max.in.flight is ${maxInFlight}: ` +
        `call requestAck() sooner, or raise meta.max.in.flight`,
    );
    this.stop();
    this.#stopAt = -Infinity;
  }

  #release(flight: Flight, outputs: Encoded): void {
    this.#flights.add(flight);
    const count = this.#options.outputs.publishEncoded(flight, outputs);
    if (count > 0) this.#options.progress.add("out", count);
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
      if (download !== undefined) this.#running.add(manual!.settled(download));
      this.#forget(flight);
    }
    this.#setSlots();
  }

  /** Returns how many there were. */
  #handBackHeld(): number {
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
      const { manual } = this.#options;
      this.#running.add(manual === undefined ? download.remove() : manual.abandoned(download));
    }
    this.#flights.delete(flight);
  }

  /** Keeps alive what only waits: for its turn, or for confirmations; and what runs, if it was asked for. */
  #beat(): void {
    const { consumer, manual, longRunning, ackWaitMs } = this.#options;
    const now = this.#timers.now();
    for (const flight of manual?.flights() ?? []) consumer.working(flight.delivery);
    for (const flight of this.#flights) {
      if (flight.returned || flight.waits || longRunning) consumer.working(flight.delivery);
    }
    // A function that has run for a whole ack wait may never return: others should have what waits behind it.
    if (this.hungMs(now) > ackWaitMs) return;
    for (const delivery of this.#waiting) consumer.working(delivery);
    consumer.workingAhead();
    this.#touchedAt = now;
  }
}
