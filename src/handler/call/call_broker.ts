import type {
  Broker,
  Consumer,
  Delivery,
  OutMessage,
  Publisher,
  QueueState,
  Receipt,
  TopicState,
} from "../../broker/broker.ts";
import { Breather } from "../../base/time/breather.ts";
import { Fifo } from "../../base/data/fifo.ts";
import type { StateStore } from "../../broker/state_store.ts";
import { SCHEMA_HEADER } from "../../runtime/records/schemas.ts";
import { CallJob } from "./call_job.ts";

/** As a NATS server has it unless told otherwise: a record that fits here fits on an edge. */
const MAX_PAYLOAD = 1 << 20;

/** What a worker takes for its broker while somebody waits for its answers: one queue, of which nothing is delivered twice, and outputs that stay with their input. */
export class CallBroker implements Broker {
  readonly durable = false;
  readonly maxPayload = MAX_PAYLOAD;
  readonly state: StateStore;
  readonly #members = new Set<CallConsumer>();
  readonly #takesAhead: boolean;
  readonly #fresh = new Fifo<CallJob>();
  /** Handed back: they come first. */
  #again: CallJob[] = [];
  #offered = 0;

  /**
   * @param options.state Where schemas are.
   * @param options.takesAhead Whether a worker may take more jobs than it can begin at once. What lies in the hands of one that hangs is lost to the others.
   */
  constructor(options: { state: StateStore; takesAhead: boolean }) {
    this.state = options.state;
    this.#takesAhead = options.takesAhead;
  }

  /** Jobs that a worker has taken and not settled. */
  held(): CallJob[] {
    return [...this.#members].flatMap((member) => [...member.held]);
  }

  /** Jobs that wait for a worker. */
  get pending(): number {
    return [...this.#again, ...this.#fresh].filter((job) => !job.isSettled).length;
  }

  offer(job: CallJob): void {
    this.#offered++;
    this.#fresh.push(job);
    this.#wakeAll();
  }

  /** Gives up everything that is not settled. */
  abandonAll(error: unknown): void {
    for (const job of [...this.#again, ...this.#fresh]) job.abandon(error);
    for (const job of this.held()) job.abandon(error);
  }

  ensureQueues(): Promise<void> {
    return Promise.resolve();
  }

  ensureTopic(): Promise<TopicState> {
    return Promise.resolve({ stream: "", maxPayload: MAX_PAYLOAD });
  }

  read(): Promise<Consumer> {
    return Promise.reject(new TypeError("Cannot read a topic of calls: they have none"));
  }

  consume(): Promise<Consumer> {
    const member: CallConsumer = new CallConsumer({
      takesAhead: this.#takesAhead,
      take: (most) => this.#take(most),
      giveBack: (jobs) => this.#giveBack(jobs),
      state: () => this.#state(),
      closed: () => this.#members.delete(member),
    });
    this.#members.add(member);
    return Promise.resolve(member);
  }

  queueState(): Promise<QueueState> {
    return Promise.resolve(this.#state());
  }

  publisher(): Publisher {
    return new CallPublisher();
  }

  isConnected(): boolean {
    return true;
  }

  close(): Promise<void> {
    this.abandonAll(new Error("The handler is closed"));
    return Promise.resolve();
  }

  #take(most: number): CallJob[] {
    const taken: CallJob[] = [];
    while (taken.length < most) {
      const job = this.#again.shift() ?? this.#fresh.shift();
      if (job === undefined) break;
      if (!job.isSettled) taken.push(job);
    }
    return taken;
  }

  #giveBack(jobs: readonly CallJob[]): void {
    this.#again = [...jobs.filter((job) => !job.isSettled), ...this.#again];
    this.#wakeAll();
  }

  #state(): QueueState {
    const { pending } = this;
    const ackPending = this.held().length;
    return {
      lastSequence: this.#offered,
      ackFloor: this.#offered - pending - ackPending,
      messages: pending + ackPending,
      bytes: 0,
      pending,
      ackPending,
    };
  }

  #wakeAll(): void {
    for (const member of this.#members) member.look();
  }
}

interface Source {
  readonly takesAhead: boolean;
  take(most: number): CallJob[];
  giveBack(jobs: readonly CallJob[]): void;
  state(): QueueState;
  closed(): void;
}

class CallConsumer implements Consumer {
  readonly held = new Set<CallJob>();
  readonly #source: Source;
  #slots = 1;
  #most?: number;
  #isWoken = false;
  #isStopped = false;
  #waiter?: () => void;
  readonly #breather = new Breather();

  constructor(source: Source) {
    this.#source = source;
  }

  get slots(): number {
    return this.#slots;
  }
  set slots(slots: number) {
    // The worker begins with as many as it can call at once.
    if (!this.#source.takesAhead) this.#most ??= slots;
    this.#slots = Math.min(slots, this.#most ?? slots);
    this.look();
  }

  async next(): Promise<Delivery[]> {
    for (;;) {
      // A call of a hundred thousand records would keep all others from the thread until its end.
      await this.#breather.rest();
      const room = this.#slots - this.held.size;
      const jobs = this.#isStopped || room <= 0 ? [] : this.#source.take(room);
      const now = performance.now();
      for (const job of jobs) {
        job.receivedAt = now;
        this.held.add(job);
      }
      if (jobs.length > 0 || this.#isStopped || this.#isWoken) {
        this.#isWoken = false;
        return jobs;
      }
      await new Promise<void>((resolve) => this.#waiter = resolve);
    }
  }

  /** There may be something to take. */
  look(): void {
    this.#waiter?.();
    this.#waiter = undefined;
  }

  wake(): void {
    this.#isWoken = true;
    this.look();
  }

  ack(delivery: Delivery): void {
    this.#release(delivery);
  }

  nak(delivery: Delivery): void {
    if (this.#release(delivery)) this.#source.giveBack([delivery as CallJob]);
  }

  working(): void {}

  workingAhead(): void {}

  forget(delivery: Delivery): void {
    (delivery as CallJob).abandon(new Error("The record waited too long for its turn"));
    this.#release(delivery);
  }

  stop(): void {
    this.#isStopped = true;
    this.look();
  }

  close(): Promise<void> {
    this.stop();
    this.#source.closed();
    const left = [...this.held];
    this.held.clear();
    this.#source.giveBack(left);
    return Promise.resolve();
  }

  state(): Promise<QueueState> {
    return Promise.resolve(this.#source.state());
  }

  /** Calls wait for an answer and are no queue that could grow old. */
  oldestAgeMs(): Promise<number> {
    return Promise.resolve(0);
  }

  tidy(): Promise<{ old: number; young: number }> {
    return Promise.resolve({ old: 0, young: 0 });
  }

  #release(delivery: Delivery): boolean {
    const wasHeld = this.held.delete(delivery as CallJob);
    if (wasHeld) this.look();
    return wasHeld;
  }
}

/** Leaves each record with the input it was made from. */
class CallPublisher implements Publisher {
  readonly outstanding = 0;

  publish({ subject, body, headers, parent }: OutMessage, receipt: Receipt): void {
    if (parent instanceof CallJob) {
      parent.outputs.push({ subject, body, fingerprint: headers?.[SCHEMA_HEADER] ?? "" });
    }
    receipt.stored(false);
  }
  ready(): Promise<void> {
    return Promise.resolve();
  }
  flush(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {}
}
