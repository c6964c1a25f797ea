import type { Broker, Delivery, Headers, Publisher } from "../../broker/broker.ts";
import { reasonOf, StartError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { SideStreamConfig } from "../../pipeline/plan/plan.ts";
import { errorRecord, fittingBody } from "./error_record.ts";
import type { ErrorRecord } from "./error_record.ts";
import { errorTopic } from "./error_topic.ts";
import type { Flight } from "../records/flight.ts";
import type { TaskProgress } from "../progress/task_progress.ts";

export interface ErrorStreamOptions {
  readonly flow: string;
  readonly task: string;
  /** The task's input stream, which a cut record names. */
  readonly stream: string;
  readonly podName: string;
  readonly config: SideStreamConfig;
  readonly broker: Broker;
  encode(record: ErrorRecord): Uint8Array;
  readonly headers: Headers;
  /** Makes the schema known to readers; called again while it fails. */
  register(): Promise<void>;
  /** Whether a missing stream is made. */
  readonly create: boolean;
  readonly progress: TaskProgress;
  readonly log: Logger;
  /** Aborted when the worker stops: what is not confirmed a moment later is handed back. */
  readonly stop: AbortSignal;
  /** Whether it is time to complain about a topic again. */
  mayComplain(topic: string): boolean;
}

/** An error record on its way. */
interface Report {
  readonly delivery: Delivery;
  readonly record: ErrorRecord;
  readonly headers: Headers;
  readonly since: number;
  readonly settle: (kept: boolean) => void;
  /** Topics that have not confirmed it. */
  readonly open: Set<string>;
  /** Those that will not take it as it is, with the reason. */
  readonly refused: Map<string, string>;
  late: boolean;
}

/** Bytes of a message kept free for its headers. */
const HEADER_RESERVE = 512;
const LEAST_BODY = 1024;
const SWEEP_MS = 500;
/** Without a confirmation for so long the stream counts as down. */
const PATIENCE_MS = 3000;
/** What is under way when the worker stops gets so long. */
const FINISH_MS = 1000;

/**
 * The error side stream of one task (product document, "Error SideStream behavior"): a record of each failed attempt in each of its topics. While one
 * of them does not confirm, the failed input is held, neither acknowledged nor handed back: the outage uses up none of its attempts.
 */
export class ErrorStream {
  readonly #options: ErrorStreamOptions;
  readonly #publisher: Publisher;
  readonly #reports = new Set<Report>();
  /** Largest body that each topic takes. */
  readonly #room = new Map<string, number>();
  #timer?: ReturnType<typeof setInterval>;
  #looking = false;
  #registered = false;
  #stoppedAt?: number;

  constructor(options: ErrorStreamOptions) {
    this.#options = options;
    this.#publisher = options.broker.publisher();
    options.progress.set("unreportedNow", () => this.#late());
  }

  /** Finds or makes the streams. What is wrong with them is logged, and holds up no record that does not fail. */
  async open(): Promise<void> {
    await this.#look(this.#options.config.errorTopics);
  }

  /** True when every topic holds the record of this failed attempt; false if the worker stops before. */
  async report(flight: Flight, error: unknown): Promise<boolean> {
    const { flow, task, podName, config } = this.#options;
    const { delivery } = flight;
    const record = errorRecord(flight, error, { flow, task, podName, most: this.#most() >> 2 });
    const body = await this.#bodyOf(record, delivery);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const report: Report = {
      delivery,
      record,
      headers: flight.trace?.on(this.#options.headers) ?? this.#options.headers,
      since: performance.now(),
      settle: resolve,
      open: new Set(config.errorTopics),
      refused: new Map(),
      late: false,
    };
    this.#reports.add(report);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS);
    flight.waits = true;
    for (const topic of config.errorTopics) this.#publish(report, topic, body);
    const kept = await promise;
    flight.waits = false;
    return kept;
  }

  /** Lets go of what is not confirmed. Safe to call twice. */
  close(): void {
    for (const report of [...this.#reports]) this.#settle(report, false);
    this.#publisher.close();
  }

  #publish(report: Report, topic: string, body: Uint8Array): void {
    const { flow, task } = this.#options;
    const { sequence, timestamp, attempt } = report.delivery;
    this.#publisher.publish({
      subject: topic,
      // With the topic, because one stream may take several.
      id: `error.${flow}.${task}.${sequence}.${timestamp}.${attempt}.${topic}`,
      body,
      headers: report.headers,
    }, {
      stored: () => {
        report.open.delete(topic);
        if (report.open.size === 0) this.#settle(report, true);
      },
      failed: (error) => void report.refused.set(topic, reasonOf(error)),
    });
  }

  #late(): number {
    let count = 0;
    for (const { late } of this.#reports) if (late) count++;
    return count;
  }

  #settle(report: Report, kept: boolean): void {
    if (!this.#reports.delete(report)) return;
    if (this.#reports.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    report.settle(kept);
  }

  #sweep(): void {
    const now = performance.now();
    if (this.#options.stop.aborted) {
      this.#stoppedAt ??= now;
      if (now - this.#stoppedAt < FINISH_MS) return;
      for (const report of [...this.#reports]) this.#settle(report, false);
      return;
    }
    const waiting = new Set<string>();
    for (const report of this.#reports) {
      if (report.refused.size === 0 && now - report.since < PATIENCE_MS) continue;
      if (!report.late) this.#options.progress.add("unreported");
      report.late = true;
      for (const topic of report.open) waiting.add(topic);
    }
    if (waiting.size === 0 || this.#looking) return;
    this.#looking = true;
    void this.#look([...waiting]).then(() => this.#again()).finally(() => this.#looking = false);
  }

  /** Asks why topics take nothing, makes their streams if it may, and complains now and then. */
  async #look(topics: readonly string[]): Promise<void> {
    const { log, mayComplain } = this.#options;
    for (const topic of topics) {
      const reason = await this.#problemOf(topic);
      if (reason === undefined || !mayComplain(topic)) continue;
      log.error(
        "The error side stream takes no records: what fails is not acknowledged until it does",
        { topic, reason, waiting: this.#reports.size },
      );
    }
    if (this.#registered) return;
    try {
      await this.#options.register();
      this.#registered = true;
    } catch (error) {
      log.debug("Cannot register the schema of error records", { reason: reasonOf(error) });
    }
  }

  async #problemOf(topic: string): Promise<string | undefined> {
    const { broker, create } = this.#options;
    try {
      const state = await broker.ensureTopic(errorTopic(topic, broker), { create });
      this.#room.set(topic, state.maxPayload);
    } catch (error) {
      const hint = error instanceof StartError && !create
        ? ", or set KFLOW_CREATE_SIDESTREAM=true"
        : "";
      return reasonOf(error) + hint;
    }
    for (const report of this.#reports) {
      if (report.late && report.open.has(topic)) {
        return report.refused.get(topic) ?? "its stream is there and confirms nothing";
      }
    }
    return undefined;
  }

  /** What was refused is sent again, in a size that fits by what is known now. */
  async #again(): Promise<void> {
    for (const report of [...this.#reports]) {
      if (report.refused.size === 0) continue;
      const body = await this.#bodyOf(report.record, report.delivery);
      const topics = [...report.refused.keys()];
      report.refused.clear();
      for (const topic of topics) this.#publish(report, topic, body);
    }
  }

  #bodyOf(record: ErrorRecord, delivery: Delivery): Promise<Uint8Array> {
    const { encode, stream } = this.#options;
    return fittingBody(record, { encode, most: this.#most(), delivery, stream });
  }

  #most(): number {
    const least = Math.min(this.#options.broker.maxPayload, ...this.#room.values());
    return Math.max(LEAST_BODY, least - HEADER_RESERVE);
  }
}
