import { FlowNames } from "../broker/subjects.ts";
import type { Codec, RecordSchema } from "../codec/codec.ts";
import type { Files } from "../files/files.ts";
import type { Logger } from "../base/log.ts";
import type { Plan, TaskPlan } from "../pipeline/plan/plan.ts";
import { runTasks } from "../runtime/run/runner.ts";
import { SCHEMA_HEADER, Schemas } from "../runtime/records/schemas.ts";
import type { TaskStore } from "../api/task_store.ts";
import type { Settings } from "../settings/settings.ts";
import { KitGauges } from "./kit_gauges.ts";
import type { KitRecord } from "./kit_record.ts";
import { ManualTimers } from "./manual_timers.ts";
import { RecordingBroker } from "./recording_broker.ts";
import type { TestedFunction } from "./tested_function.ts";
import { TESTED } from "./tested_pipeline.ts";

export interface KitWorkerOptions {
  plan: Plan;
  task: TaskPlan;
  tested: TestedFunction;
  manualAck: boolean;
  /** Of what is pushed. */
  input: RecordSchema;
  record: KitRecord;
  codec: Codec;
  log: Logger;
  settings: Settings;
  store: TaskStore;
  files: Files;
  /** Called when the worker has ended. */
  over?: () => Promise<void>;
}

/** Looks in a row that have to find nothing to do. */
const STILL = 3;
const QUEUE_BYTES = 1 << 30;
const RUN = "test";

/** The real runtime at work on one task, on an embedded broker, in a time of its own. */
export class KitWorker {
  readonly gauges = new KitGauges();
  readonly #options: KitWorkerOptions;
  readonly #timers = new ManualTimers();
  readonly #names = new FlowNames(TESTED.flow);
  readonly #stop = new AbortController();
  readonly #broker: RecordingBroker;
  /** Rejects with why the worker could not go on. */
  readonly #run: Promise<void>;
  #over = false;
  #pushed = 0;

  constructor(options: KitWorkerOptions) {
    this.#options = options;
    this.#broker = new RecordingBroker(options.record, { timers: this.#timers });
    this.#run = this.#workToTheEnd();
    // Whoever waits for the end learns of it.
    this.#run.catch(() => {});
  }

  /** Resolves at the end of the worker. */
  get ended(): Promise<void> {
    return this.#run;
  }

  get isOver(): boolean {
    return this.#over;
  }

  publish(body: Uint8Array): void {
    const { input } = this.#options;
    this.#broker.publisher().publish(
      {
        subject: this.#names.edge(TESTED.task, TESTED.input),
        id: `pushed.${this.#pushed++}`,
        body,
        headers: { [SCHEMA_HEADER]: input.fingerprint },
      },
      { stored: () => {}, failed: () => {} },
    );
  }

  async advance(milliseconds: number): Promise<void> {
    const until = this.#timers.now() + milliseconds;
    for (let i = 0; i < STILL; i++) await pause();
    const before = new Set(this.#options.tested.calls);
    await this.rest(before);
    for (
      let next = this.#timers.nextAt;
      next !== undefined && next <= until && !this.#over;
      next = this.#timers.nextAt
    ) {
      this.#timers.moveTo(next);
      await this.rest(before);
    }
    this.#timers.moveTo(until);
  }

  /** Tells the worker that its input is at its end, and lets time pass until it has ended. */
  async end(): Promise<void> {
    if (!this.#over) {
      await this.#broker.state.put(this.#names.state("finished", RUN, TESTED.input), "");
    }
    while (!this.#over) {
      await pause();
      if (!await this.#waitsForTime()) continue;
      this.#timers.moveTo(this.#timers.nextAt ?? this.#timers.now());
    }
    await this.#run;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }

  /** Resolves when nothing moves any more. @param hanging Calls that are not waited for. */
  async rest(hanging: ReadonlySet<object> = new Set()): Promise<void> {
    for (let still = 0; still < STILL && !this.#over;) {
      await pause();
      still = await this.#isAtRest(hanging) ? still + 1 : 0;
    }
    if (this.#over) await this.#run;
  }

  async #workToTheEnd(): Promise<void> {
    try {
      await this.#work();
    } finally {
      this.#over = true;
      await this.#broker.close();
      await this.#options.over?.();
    }
  }

  async #work(): Promise<void> {
    const { plan, task, tested, manualAck, input, record, codec } = this.#options;
    const { log, settings, store, files } = this.#options;
    const schemas = new Schemas({ codec, state: this.#broker.state, flow: TESTED.flow });
    await schemas.register(input.text);
    await runTasks({
      plan,
      tasks: [task],
      run: RUN,
      broker: this.#broker,
      codec,
      log,
      metricsOf: () => this.gauges,
      settingsOf: () => settings,
      queueBytes: QUEUE_BYTES,
      deadLetterBytes: QUEUE_BYTES,
      podName: "test",
      storeOf: () => store,
      downloadFiles: () => Promise.resolve(files),
      functionOf: () => Promise.resolve({ kind: "process", process: tested.process, manualAck }),
      deadLetters: record,
      workers: 1,
      timers: this.#timers,
      stop: this.#stop.signal,
      kill: new AbortController().signal,
    });
  }

  async #isAtRest(hanging: ReadonlySet<object>): Promise<boolean> {
    const { calls } = this.#options.tested;
    for (const call of calls) if (!hanging.has(call)) return false;
    if (calls.size > 0) return true;
    return (await this.#queue()).pending === 0 && this.gauges.get("inFlight") === this.#waiting;
  }

  /** Whether what is left to do comes only with time. */
  async #waitsForTime(): Promise<boolean> {
    return await this.#isAtRest(new Set()) && (await this.#queue()).ackPending > this.#waiting;
  }

  /** Inputs that wait for something other than the worker. */
  get #waiting(): number {
    return this.gauges.get("held") + this.gauges.get("bulkBuffered");
  }

  async #queue(): Promise<{ pending: number; ackPending: number }> {
    const { task } = this.#options;
    const state = await this.#broker.queueState(this.#names.stream(task.id), task.groupId);
    return state ?? { pending: 0, ackPending: 0 };
  }
}

/** Some turns of the event loop, for what the worker does with files meanwhile. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
