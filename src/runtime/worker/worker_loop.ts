import type { Consumer, Delivery } from "../../broker/broker.ts";
import type { Bulk } from "../calls/bulk.ts";
import { Clock } from "../calls/worker_clock.ts";
import { FlightPath, type FlightPathOptions } from "./delivery_path.ts";
import { turn } from "../../base/time/waiting.ts";
import { Slots } from "./slots.ts";
import { type AttemptNotes, FIRST_SUSPECT_ATTEMPT } from "./attempt_notes.ts";
import { UnderWay } from "./pending_work.ts";
import type { Logger } from "../../base/log.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";

/*
 * A worker has two halves: this one takes deliveries and paces them, and `flight_path.ts` is what each of them goes through.
 *
 *     consumer ──► next() ──► work through the batch ──► FlightPath.begin() ──► … ──► settled
 *        ▲                        │  suspects last, each alone   │
 *        │                        │  a turn of the event loop     ▼
 *        └──── slots ◄── adapt ◄──┘  every 25 ms               heldChanged()
 *
 *     beat(), every third of the ack wait: keeps alive what waits here, in the consumer, for confirmations, or for `requestAck()`
 */

export interface TaskWorkerOptions extends Omit<FlightPathOptions, "timers" | "heldChanged"> {
  task: string;
  consumer: Consumer;
  ackWaitMs: number;
  /** Calls at once. */
  concurrency: number;
  maxInFlight: number;
  /** `KFLOW_LONG_RUNNING_PROCESSING`: the ack wait does not run while the function does. */
  longRunning: boolean;
  /** Present in bulk mode. */
  bulk?: Pick<Bulk, "flush">;
  /** Present if a message may be delivered to a worker that dies. */
  attempts?: AttemptNotes;
  log: Logger;
  /** How long a worker that is told to stop begins what it has taken, ms. @default 1000 */
  finishMs?: number;
  /** @default the real ones */
  timers?: Timers;
  /** That whoever measures calls looks at too. @default one of its own */
  clock?: Clock;
}

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
  readonly #clock: Clock;
  readonly #path: FlightPath;
  /** Calls of the function. */
  readonly #calls = new UnderWay();
  #stopping = false;
  /** Why the worker cannot go on. */
  #failure?: Error;
  /** After this time nothing more is begun. */
  #stopAt = Infinity;
  #turnAt = 0;
  /** Deliveries taken from the consumer; those from `#next` on are not started. */
  #batch: readonly Delivery[] = [];
  #next = 0;
  /** What is worked through after this batch. */
  #later: readonly Delivery[] = [];
  /** The delivery that has this worker to itself, and since when. */
  #alone: { readonly sequence: number; readonly since: number } | undefined = undefined;
  /** When the ack wait of everything that waited here was last started anew. */
  #touchedAt = 0;

  constructor(options: TaskWorkerOptions) {
    this.#options = options;
    this.#timers = options.timers ?? REAL_TIMERS;
    this.#clock = options.clock ?? new Clock(this.#timers);
    this.#path = new FlightPath({
      ...options,
      timers: this.#timers,
      heldChanged: () => this.#heldChanged(),
    });
    this.#slots = new Slots({ ...options, most: options.maxInFlight });
  }

  /** Deliveries taken and not done with. */
  get inFlight(): number {
    const waiting = this.#batch.length - this.#next + this.#later.length;
    return this.#path.size + waiting + this.held;
  }

  /** Inputs that wait for the function's `requestAck()`. */
  get held(): number {
    return this.#options.manual?.held ?? 0;
  }

  get isCalling(): boolean {
    return this.#calls.size > 0;
  }

  /** The delivery that has this worker to itself because it may have ended an earlier one; `since` by `performance.now()`. */
  get alone(): { readonly sequence: number; readonly since: number } | undefined {
    return this.#alone;
  }

  /** Whether every delivery that was taken is held. */
  get onlyHolds(): boolean {
    return this.held > 0 && this.inFlight === this.held;
  }

  /** For how long the loop has waited for the function alone, ms; 0 where calls may take as long as they like. */
  hungMs(now = this.#timers.now()): number {
    const isIn = !this.#options.longRunning && this.#calls.size > 0 &&
      this.#path.flights.areInFunction;
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
      const left = this.#path.handBackHeld();
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
    const { progress } = this.#options;
    const started = this.#timers.now();
    if (this.#options.attempts === undefined || batch.every(isUnsuspected)) {
      await this.#workThrough(batch);
    } else {
      await this.#workApart(batch, this.#options.attempts);
    }
    const ended = this.#timers.now();
    this.#adapt((ended - started) / batch.length);
    progress.touch(started, ended);
  }

  /** Works through what is not suspected first, and then gives each suspect the worker to itself. */
  async #workApart(batch: readonly Delivery[], attempts: AttemptNotes): Promise<void> {
    const asked = batch.filter((delivery) => !isUnsuspected(delivery));
    await this.#workThrough(batch.filter(isUnsuspected), asked);
    const found = await Promise.all(asked.map((delivery) => attempts.isSuspect(delivery)));
    this.#turnAt = this.#clock.now();
    const suspects = asked.filter((_, index) => found[index]);
    await this.#workThrough(asked.filter((_, index) => !found[index]), suspects);
    if (suspects.length === 0) return;
    this.#options.consumer.slots = 1;
    await this.#settled();
    for (const [index, delivery] of suspects.entries()) {
      await this.#workAlone(delivery, suspects.slice(index + 1), attempts);
    }
  }

  async #workAlone(
    delivery: Delivery,
    later: readonly Delivery[],
    attempts: AttemptNotes,
  ): Promise<void> {
    const { sequence, attempt } = delivery;
    this.#alone = { sequence, since: performance.now() };
    const fields = { sequence, attempt };
    this.#options.log.warning(
      "Record may have ended its earlier workers, and gets this one to itself",
      fields,
    );
    if (this.#timers.now() <= this.#stopAt) await attempts.begins(delivery);
    await this.#workThrough([delivery], later);
    await this.#settled();
    this.#alone = undefined;
  }

  /** @param later What is worked through after this batch, and has to be kept alive meanwhile. */
  async #workThrough(
    batch: readonly Delivery[],
    later: readonly Delivery[] = [],
  ): Promise<void> {
    const clock = this.#clock;
    let now = clock.now();
    this.#batch = batch;
    this.#next = 0;
    this.#later = later;
    while (this.#next < batch.length) {
      if (now - this.#turnAt > TURN_MS) {
        await turn();
        now = this.#turnAt = clock.now();
      }
      const delivery = batch[this.#next]!;
      if (now > this.#stopAt) {
        this.#next++;
        this.#options.acknowledge.handBack(delivery);
        continue;
      }
      if (now - Math.max(delivery.receivedAt, this.#touchedAt) > this.#options.ackWaitMs) {
        this.#next++;
        this.#options.consumer.forget(delivery);
        continue;
      }
      const tries = isUnsuspected(delivery)
        ? delivery.attempt
        : this.#options.attempts?.triesOf(delivery) ?? delivery.attempt;
      this.#next++;
      clock.isFresh = true;
      const answer = this.#path.begin(delivery, now, tries);
      clock.isFresh = false;
      if (answer === undefined) {
        // Whoever measures has looked after the call, or will.
        if (!clock.isOwed) now = clock.last > now ? clock.last : clock.now();
        continue;
      }
      this.#calls.add(answer);
      while (this.#calls.size >= this.#options.concurrency) await this.#calls.one();
      now = this.#turnAt = clock.now();
    }
    clock.settle();
  }

  /** Resolves when nothing runs and everything begun has landed. */
  async #settled(): Promise<void> {
    while (this.#calls.size + this.#path.running.size > 0) {
      this.#options.bulk?.flush();
      await this.#calls.all();
      await this.#path.running.all();
    }
    await this.#path.flights.none();
  }

  #adapt(wallMs: number): void {
    const callMs = this.#path.takeMeanMs() / this.#options.concurrency;
    this.#slots.observe(Math.max(wallMs, callMs));
    this.#setSlots();
  }

  /** What is held takes no slot from what comes. */
  #setSlots(): void {
    const { consumer, maxInFlight } = this.#options;
    consumer.slots = Math.min(this.#slots.count + this.held, Math.max(maxInFlight, 1));
  }

  #heldChanged(): void {
    this.#setSlots();
    const { maxInFlight, task } = this.#options;
    if (this.held < maxInFlight) return;
    this.#failure = new Error(
      `Task "${task}" holds ${this.held} inputs without requestAck(), and max.in.flight is ${maxInFlight}: ` +
        `call requestAck() sooner, or raise meta.max.in.flight`,
    );
    this.stop();
    this.#stopAt = -Infinity;
  }

  /** Keeps alive what only waits: for its turn, or for confirmations; and what runs, if it was asked for. */
  #beat(): void {
    const { consumer, manual, longRunning, ackWaitMs, attempts } = this.#options;
    const now = this.#timers.now();
    for (const flight of manual?.flights() ?? []) consumer.working(flight.delivery);
    for (const flight of this.#path.flights) {
      if (flight.returned || flight.waits || longRunning) consumer.working(flight.delivery);
      // It is about to be delivered again although this worker lives.
      else if (now - flight.startedAt > ackWaitMs / 2) void attempts?.ended(flight.delivery);
    }
    // A function that has run for a whole ack wait may never return: others should have what waits behind it.
    if (this.hungMs(now) > ackWaitMs) return;
    for (let i = this.#next; i < this.#batch.length; i++) consumer.working(this.#batch[i]!);
    for (const delivery of this.#later) consumer.working(delivery);
    consumer.workingAhead();
    this.#touchedAt = now;
  }
}

function isUnsuspected({ attempt }: Delivery): boolean {
  return attempt < FIRST_SUSPECT_ATTEMPT;
}
