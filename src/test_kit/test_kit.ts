import { FlowNames } from "../broker/subjects.ts";
import { AvroCodec } from "../codec/avro/avro_codec.ts";
import type { RecordSchema, RecordValue } from "../codec/codec.ts";
import { ConfigurationError, formatFinding } from "../base/errors.ts";
import type { Files } from "../files/files.ts";
import { MemoryFiles } from "../files/memory.ts";
import type { OpenedFile } from "../host.ts";
import { createLogger } from "../base/log.ts";
import type { ErrorRecord } from "../runtime/failures/error_record.ts";
import { toTaskCode } from "../api/task_code.ts";
import type { TaskStore } from "../api/task_store.ts";
import { createTaskStore } from "../runtime/downloads/file_store.ts";
import { TransferLog } from "../runtime/downloads/transfer_log.ts";
import { readSettings } from "../settings/settings.ts";
import { MemoryStore } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { variablesIn } from "../settings/variables.ts";
import { type GivenUp, type HandedBack, KitRecord, type Lane } from "./kit_record.ts";
import { KitWorker } from "./kit_worker.ts";
import { TestedFunction } from "./tested_function.ts";
import { TESTED, type TestedPipeline, testedPipeline, type TestedTask } from "./tested_pipeline.ts";

/** A function and what surrounds it in a test. */
export interface TestKitOptions extends TestedTask {
  /** What the module of a `raw` task exports by default: a function, an object or a class with `process`, or a `BasicRuntime`. */
  function: unknown;
  /** Objects of the store, by `bucket/key`; text is stored as UTF-8. @default none */
  files?: Readonly<Record<string, string | Uint8Array>>;
  /** `KFLOW_*` variables, as in the task's `env`. @default none */
  env?: Readonly<Record<string, string>>;
}

/** What a platform adds to a test: files on its disk. */
export interface TestKitPlatform {
  openFile(path: string): Promise<OpenedFile>;
  /** A new folder for downloads, and what removes it. */
  temporaryFiles(): Promise<{ readonly files: Files; remove(): Promise<void> }>;
}

/** One line that was logged. */
export interface LoggedLine {
  /** `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`. */
  readonly level: string;
  /** Its text. */
  readonly message: string;
  /** What it says beyond. */
  readonly [field: string]: unknown;
}

/** What the function sends, by where it goes. */
interface Sent {
  readonly outputs: RecordValue[];
  readonly sideOuts: Readonly<Record<string, RecordValue[]>>;
  /** By subject. */
  readonly lanes: ReadonlyMap<string, Lane>;
}

interface Parts {
  readonly pipeline: TestedPipeline;
  readonly worker: KitWorker;
  readonly record: KitRecord;
  readonly input: RecordSchema;
  readonly sent: Sent;
  readonly store: TaskStore;
  readonly log: readonly LoggedLine[];
}

/**
 * One function at work without broker, server or pipeline file: the runtime is the real one, on an embedded broker whose time passes only with `advance`.
 * Made by `createTestKit`. End it with `end()` or `stop()`, or declare it with `await using`.
 */
export class TestKit<O = RecordValue> implements AsyncDisposable {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What `createTestKit` does. @throws {ConfigurationError} naming every option that is wrong; and whatever the function's `open` throws. */
  static async start<O = RecordValue>(
    options: TestKitOptions,
    platform?: TestKitPlatform,
  ): Promise<TestKit<O>> {
    const { process, manualAck } = toTaskCode(options.function);
    // A function that writes bulks has no output, unless a schema says so.
    const sink = options.schemaOut === undefined && process.flush !== undefined;
    const pipeline = await testedPipeline(options, { sink });
    const { settings, findings } = readSettings(variablesIn(options.env ?? {}));
    if (findings.length > 0) {
      throw new ConfigurationError(findings.map((each) => ({ ...each, file: TESTED.file })));
    }
    const objects = await storeWith(options.files ?? {});
    const codec = new AvroCodec();
    const input = codec.parse(options.schemaIn);
    const tested = new TestedFunction(process);
    const sent = sentBy(tested, pipeline, codec);
    const joined = Promise.withResolvers<void>();
    const record = new KitRecord({
      input,
      lanes: sent.lanes,
      errorTopic: TESTED.errors,
      joined: joined.resolve,
    });
    const lines: LoggedLine[] = [];
    const log = createLogger({
      level: settings.logLevel,
      write: (line) => void lines.push(JSON.parse(line)),
    });
    const store = createTaskStore({
      store: objects,
      openFile: platform?.openFile ?? noFiles,
      transfers: new TransferLog({ log, percent: settings.progressPercent }),
    });
    for (const warning of pipeline.warnings) log.warning(formatFinding(warning));
    const area = options.autoDownload ? await platform?.temporaryFiles() : undefined;
    const worker = new KitWorker({
      ...pipeline,
      ...{ tested, manualAck, input, record, codec, log, settings, store },
      files: area?.files ?? new MemoryFiles(),
      over: area?.remove,
    });
    await Promise.race([joined.promise, worker.ended]);
    return new TestKit<O>({ pipeline, worker, record, input, sent, store, log: lines });
  }

  /** Records that the function has sent on, in order; with manual acknowledgement only what was released. */
  get outputs(): readonly O[] {
    return this.#parts.sent.outputs as O[];
  }

  /** Records of each side out, by its id. */
  get sideOuts(): Readonly<Record<string, readonly RecordValue[]>> {
    return this.#parts.sent.sideOuts;
  }

  /** The store of the function: the files that were given, and what it has written. */
  get store(): TaskStore {
    return this.#parts.store;
  }

  /** Every line that was logged, by the function and by the runtime. */
  get log(): readonly LoggedLine[] {
    return this.#parts.log;
  }

  /** Inputs that are acknowledged, in the order in which they were: worked off, or given up with an `AckError`. */
  get acked(): readonly RecordValue[] {
    return this.#parts.record.acked;
  }

  /** Inputs that were handed back to come again, in order. */
  get nacked(): readonly HandedBack[] {
    return this.#parts.record.nacked;
  }

  /** Inputs that failed too often (`meta.max.attempts`). */
  get deadLetters(): readonly GivenUp[] {
    return this.#parts.record.deadLetters;
  }

  /** What an error side stream would hold: a record of each failed attempt. */
  get errorRecords(): readonly ErrorRecord[] {
    return this.#parts.record.errorRecords;
  }

  /** How often the runtime has said that an input is still worked on. */
  get heartbeats(): number {
    return this.#parts.record.heartbeats;
  }

  /** Inputs that wait for `requestAck()` now. */
  get held(): number {
    return this.#parts.worker.gauges.get("held");
  }

  /** Inputs that wait for their bulk to be written now. */
  get buffered(): number {
    return this.#parts.worker.gauges.get("bulkBuffered");
  }

  /**
   * Hands records to the function, one after the other. Resolves when each is acknowledged, handed back, held or in a bulk.
   * @throws {RecordError} if one does not fit `schemaIn`; and why the worker ended, if it has.
   */
  async push(...records: readonly unknown[]): Promise<void> {
    const { input } = this.#parts;
    const worker = this.#running("push a record");
    const bodies = records.map((record) => input.encode(record));
    for (const body of bodies) worker.publish(body);
    await worker.rest();
  }

  /**
   * Lets time pass: what was handed back comes again, bulks are written, heartbeats are sent, ack waits end. Calls that begin in this time are waited for;
   * one that is under way before is taken to go on all the while.
   * @param milliseconds Of the runtime's time. The function's own timers are not changed.
   */
  async advance(milliseconds: number): Promise<void> {
    await this.#running("let time pass").advance(milliseconds);
  }

  /**
   * The end of the input, as a batch has it: what waits for a bulk is written, what was handed back comes again without further waiting, and then the function
   * is closed. Rejects as the run of a batch would, for instance if inputs are still held. In streaming mode, where inputs do not end, the same as `stop`.
   */
  async end(): Promise<void> {
    const { pipeline, worker } = this.#parts;
    await (pipeline.plan.mode === "batch" ? worker.end() : worker.stop());
  }

  /** A stop, as by SIGTERM: what is begun is finished, a bulk is written, the function is closed, the rest is handed back. Safe to call twice. */
  async stop(): Promise<void> {
    await this.#parts.worker.stop();
  }

  /** For `await using`: stops, and does not reject. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Why it ended was told to whoever pushed.
    await this.stop().catch(() => {});
  }

  #running(what: string): KitWorker {
    const { worker } = this.#parts;
    if (worker.isOver) throw new Error(`Cannot ${what}: the test kit has ended`);
    return worker;
  }
}

function sentBy(tested: TestedFunction, { task }: TestedPipeline, codec: AvroCodec): Sent {
  const names = new FlowNames(TESTED.flow);
  const outputs: RecordValue[] = [];
  const sideOuts = new Map<string, RecordValue[]>();
  const lanes = new Map<string, Lane>();
  for (const { sideOut, schema, consumers } of task.outputs) {
    const records: RecordValue[] = sideOut === undefined ? outputs : [];
    if (sideOut !== undefined) sideOuts.set(sideOut, records);
    let parsed: RecordSchema | undefined;
    const schemaNow = () =>
      parsed ??= codec.parse(sideOut === undefined ? tested.schemaOut : schema);
    for (const id of consumers) {
      lanes.set(names.edge(id, TESTED.task, sideOut), { records, schema: schemaNow });
    }
  }
  return { outputs, sideOuts: Object.fromEntries(sideOuts), lanes };
}

function noFiles(): Promise<never> {
  return Promise.reject(new Error("this platform has no files"));
}

async function storeWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<Store> {
  const store = new MemoryStore({ createBuckets: true });
  for (const [path, content] of Object.entries(files)) {
    const [, bucket, key] = /^([^/]+)\/(.+)$/s.exec(path) ?? [];
    if (bucket === undefined || key === undefined) {
      throw new ConfigurationError([{
        file: TESTED.file,
        path: `files.${JSON.stringify(path)}`,
        problem: "it names no object",
        hint: 'write "bucket/key"',
      }]);
    }
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await store.put(bucket, key, bytes);
  }
  return store;
}
