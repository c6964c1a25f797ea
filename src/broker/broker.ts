import type { StateStore } from "./state_store.ts";

/** Headers of a message. The same object may be given with many messages: implementations may remember its encoding. */
export type Headers = Readonly<Record<string, string>>;

/**
 * Follows what became of one record of a source through the whole flow, on brokers whose messages die with the process.
 * Every message that stems from the record holds it; when the last is settled, the source may remember the record as done.
 * Outputs are stored before their input is acked, so the count cannot reach zero in between.
 */
export interface Origin {
  /** A message that stems from the record was stored. */
  hold(): void;
  /** A message that stems from the record was acked. */
  release(): void;
  /** Part of the record's work ended as a dead letter: the source must not remember it as done. */
  fail(): void;
}

/** A message to store. Nothing in it may be changed after it was handed over. */
export interface OutMessage {
  /** Full subject, made by `subjects.ts`. */
  readonly subject: string;
  /** Message id: within the duplicate window of a stream, a second message with the same id is not stored. */
  readonly id: string;
  readonly body: Uint8Array;
  readonly headers?: Headers;
  /** The delivery it was made from. A broker in memory remembers the id as long as that delivery's message is not acked, and hands its origin on. */
  readonly parent?: Delivery;
  /** Of a source's record, see `Origin`. Ignored by durable brokers. */
  readonly origin?: Origin;
}

/** Told what became of a published message. Exactly one of the two is called, once, and never throws. */
export interface Receipt {
  /** Told before `stored`, where it is there and by durable brokers only, at which sequence of its stream the message lies; of a duplicate, the one that was there before. */
  placed?(sequence: number): void;
  /** The broker has confirmed that it holds the message. `duplicate`: it held one with this id before. */
  stored(duplicate: boolean): void;
  /** Trying again cannot help: message too large, no permission, publisher closed. The message is not stored. */
  failed(error: Error): void;
}

/**
 * Publishes without a promise per message.
 *
 * `publish` hands over and returns; the receipt is called later, or before `publish` returns. A time-out, a lost connection, a
 * missing stream or "no room" (the stream is full) is tried again with the same id and backoff until it succeeds or the
 * publisher is closed. Messages of one publisher to one subject are stored in the order given, unless one had to be tried again.
 */
export interface Publisher {
  publish(message: OutMessage, receipt: Receipt): void;
  /** Messages handed over and not answered yet. */
  readonly outstanding: number;
  /**
   * Resolves when fewer than the limit are outstanding: for sources, which have no input to hold them back.
   * @param limit Fewer than the publisher's own limit, for large messages.
   */
  ready(signal?: AbortSignal, limit?: number): Promise<void>;
  /** Resolves when every message handed over before the call was answered. */
  flush(signal?: AbortSignal): Promise<void>;
  /** Answers what is outstanding with `failed`. Safe to call twice. */
  close(): void;
}

/** The input queue of one task: all its incoming edges. */
export interface QueueSpec {
  /** Stream name, from `subjects.ts`. */
  readonly stream: string;
  /** Subjects of the stream: one wildcard subject over all producers. */
  readonly subjects: string;
  /** Bytes after which the stream takes no more: publishers then wait. */
  readonly maxBytes: number;
  /** What the user sets to change `maxBytes`, for messages: such as `stream.max.bytes of task "resize"`. @default "its size" */
  readonly sizedBy?: string;
  /** How long an id is remembered, ms. */
  readonly duplicateWindowMs: number;
  /** How long a message stays although nobody acked it, ms; absent: for ever. Streams without a consumer task need one. */
  readonly maxAgeMs?: number;
}

/** A subject that others read, in a stream that they may have made themselves: where error records go. */
export interface TopicSpec {
  readonly subject: string;
  /** Bytes of the stream, if it is made here: its oldest messages go when it is full, whether somebody has read them or not. */
  readonly maxBytes: number;
  /** How long an id is remembered by a stream that is made here, ms. */
  readonly duplicateWindowMs: number;
}

/** The stream that takes a topic. */
export interface TopicState {
  readonly stream: string;
  /** Largest body with headers, bytes. */
  readonly maxPayload: number;
}

/** Stream of a topic, `stream.subject`: what is before the first dot. */
export function streamOfTopic(subject: string): string {
  return subject.split(".")[0]!;
}

/** One group of workers on a queue. Deliveries are shared out among the group's members. */
export interface GroupSpec {
  readonly queue: QueueSpec;
  /** Durable name (`groupId`). */
  readonly group: string;
  /** After this long without ack, nak or working a delivery is made again, ms (`max.poll.interval.ms`). */
  readonly ackWaitMs: number;
  /** Most deliveries the whole group may hold unsettled. */
  readonly maxAckPending: number;
  /** Slots that this member begins with. @default 1 */
  readonly slots?: number;
}

/** One group of readers of a topic: of one subject of a stream that somebody else may have made. */
export interface ReaderSpec {
  /** As `ensureTopic` found it. */
  readonly stream: string;
  readonly subject: string;
  /** Durable name (`groupId`). */
  readonly group: string;
  readonly ackWaitMs: number;
  /** Most deliveries the whole group may hold unsettled. */
  readonly maxAckPending: number;
}

/** One handing-over of a message. Settled by exactly one of the consumer's `ack` and `nak`. */
export interface Delivery {
  readonly subject: string;
  /** The message's id; empty if it was published without one. */
  readonly id: string;
  readonly body: Uint8Array;
  /** Position in the stream. */
  readonly sequence: number;
  /** When the stream stored it, nanoseconds since 1970 as a decimal string; with the sequence it names the message even after the stream was made anew. */
  readonly timestamp: string;
  /** 1 for the first delivery of this message to this group. */
  readonly attempt: number;
  /** `performance.now()` at arrival in this process. */
  readonly receivedAt: number;
  readonly origin?: Origin;
  header(name: string): string | undefined;
  /** All headers, in the order stored; of several of one name the first. */
  headers(): Record<string, string>;
  /** The bytes of all headers as they were stored, also those that are not text; absent where a broker keeps names and values only. */
  headerBlock?(): Uint8Array;
}

/** How a queue stands, as seen by one group. */
export interface QueueState {
  /** Sequence of the last message ever stored, of whatever subject; 0 for none. */
  readonly lastSequence: number;
  /** Every message up to this sequence is acked. */
  readonly ackFloor: number;
  /** Messages stored. */
  readonly messages: number;
  readonly bytes: number;
  /** Never delivered yet. */
  readonly pending: number;
  /** Delivered and not settled. */
  readonly ackPending: number;
  /** Requests of the group's members that wait for messages; absent where that is not known. */
  readonly readers?: number;
}

/** Whether all work on a queue is done: nothing waits and nothing is held. */
export function isWorkedOff(state: QueueState): boolean {
  return state.messages === 0 || state.ackFloor >= state.lastSequence ||
    (state.pending === 0 && state.ackPending === 0);
}

/**
 * A member of a group. One reader at a time.
 *
 * It never holds more than `slots` deliveries unsettled, waiting ones included, so that none times out only because it waited here.
 */
export interface Consumer {
  /** How many deliveries may be unsettled at once; with 0 it asks for nothing. May be changed at any time; a smaller number takes effect as deliveries settle. */
  slots: number;
  /**
   * Waits for deliveries and returns all that are here, in stream order, redelivered ones in between; an empty array when `wake()` was
   * called, and, for good, when all is taken after `stop()`.
   */
  next(): Promise<Delivery[]>;
  /** Makes a waiting `next()` return, now or when it is next called. */
  wake(): void;
  /** Settles for good. Not awaited: a lost ack is sent again, and a redelivery finds its outputs stored. A second settling does nothing. */
  ack(delivery: Delivery): void;
  /** Hands back: delivered again, to any member, not before `delayMs`. */
  nak(delivery: Delivery, delayMs?: number): void;
  /** Starts the ack wait anew. */
  working(delivery: Delivery): void;
  /** The same for everything that is here and was not taken yet. */
  workingAhead(): void;
  /** Frees the slot and says nothing to the broker: for a delivery whose ack wait has passed, which is or will be made again anyway. */
  forget(delivery: Delivery): void;
  /**
   * Asks for no more. What is here or on its way can still be taken: handing it back unseen would cost it an attempt. Safe to call twice.
   */
  stop(): void;
  /**
   * Stops, hands back what was not taken, and resolves when every settling was confirmed by the broker or `timeoutMs` passed; then lets go. What
   * was taken and is unsettled is left to the ack wait. Safe to call twice.
   */
  close(timeoutMs?: number): Promise<void>;
  /** Asks the broker. */
  state(): Promise<QueueState>;
  /** How long ago the oldest message that the group has not acked was stored, by the broker's clock, ms; 0 if all is acked. Asks the broker, which reads one message for it. */
  oldestAgeMs(): Promise<number>;
  /**
   * The janitor, for brokers that keep acked messages: removes those that are acked **and** older than the duplicate window; when the stream is over half of its
   * `maxBytes`, younger acked ones too, oldest first. Returns how many it removed of each kind. Why not at the ack: a server that is
   * started again knows ids only from the messages it still holds.
   */
  tidy(): Promise<{ old: number; young: number }>;
}

/**
 * Port: what carries records between tasks (DESIGN.md 5). Implementations: embedded (`memory.ts`) and NATS JetStream (`nats.ts`);
 * `tests/contracts/broker_contract.ts` is the proof that they mean the same.
 *
 * A lost connection is made again by the implementation, for ever; calls that need an answer reject with `BrokerError` when it
 * does not come within their time, and may be called again.
 */
export interface Broker {
  /** Whether messages outlive this process. If not, sources follow their records with `Origin`. */
  readonly durable: boolean;
  /** Largest body with headers, bytes. */
  readonly maxPayload: number;
  /** Finished tasks, checkpoints, schemas. */
  readonly state: StateStore;
  /**
   * Creates the queues' streams or checks that the existing ones keep our promises. All or none: where one cannot be had it throws `StartError`, naming the stream, what
   * is needed and the fix, and leaves none of those behind that it made. Any process may call it first.
   */
  ensureQueues(queues: readonly QueueSpec[]): Promise<void>;
  /**
   * Finds the stream that takes a topic, whoever made it: nothing of it is changed. If there is none it is made when `create` is true,
   * named as the topic says; else `StartError` says how to make it. An embedded broker makes it always: nobody else can.
   */
  ensureTopic(topic: TopicSpec, options: { create: boolean }): Promise<TopicState>;
  /** Joins a group, making it if it is new. */
  consume(group: GroupSpec): Promise<Consumer>;
  /**
   * Joins a group that reads a topic from its oldest message on; makes the group if it is new, and nothing else: the stream stays as it is, whatever its
   * retention, what becomes of an acked message is its matter, and the consumer's `tidy()` does nothing. Throws `StartError` if the stream is not there or
   * does not let the group in.
   */
  read(reader: ReaderSpec): Promise<Consumer>;
  /** How the queue stands for a group; undefined while the stream or the group does not exist. */
  queueState(stream: string, group: string): Promise<QueueState | undefined>;
  /**
   * The queues whose subjects lie under these, also those of other pipelines; absent where queues end with the process. Messages are those stored, acked or not.
   * @param subjects Such as `kflow.flow.>`.
   */
  queuesUnder?(
    subjects: string,
  ): Promise<{ stream: string; subjects: readonly string[]; messages: number }[]>;
  /** @param options.limit Messages outstanding after which `ready()` waits. @default 4096 */
  publisher(options?: { limit?: number }): Publisher;
  /** Whether the broker answers now. */
  isConnected(): boolean;
  /** Lets go of everything. Safe to call twice; calls under way reject. */
  close(): Promise<void>;
}

/** The broker did not do what was asked, and asking again may help. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  /** Whether it was away for longer than a call waits: asking again helps once it is back. */
  readonly isAway: boolean;

  constructor(message: string, options: { cause?: unknown; isAway?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.isAway = options.isAway ?? false;
  }
}
