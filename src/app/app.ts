import type { Broker } from "../broker/broker.ts";
import { createMemoryBroker } from "../broker/memory/memory_broker.ts";
import type { NatsDial } from "../broker/nats/nats_broker.ts";
import { AvroCodec } from "../codec/avro/avro_codec.ts";
import type { Failpoints } from "../failpoints/failpoints.ts";
import { makeFunction } from "../task_types/registry.ts";
import type { Host } from "../host.ts";
import type { Exporter, ExporterOptions } from "../exporter/exporter.ts";
import type { StoreProbe } from "../exporter/health.ts";
import type { Logger } from "../base/log.ts";
import type { NatsConfig, Plan, StoreConfig, TaskPlan } from "../pipeline/plan/plan.ts";
import { DownloadFolders } from "../runtime/downloads/download_folders.ts";
import { FileDeadLetters } from "../runtime/failures/dead_letters.ts";
import type { TaskProgress } from "../runtime/progress/task_progress.ts";
import { type RunReport, runTasks } from "../runtime/run/runner.ts";
import type { RunnerOptions } from "../runtime/run/run_options.ts";
import type { TaskFunction } from "../api/task_function.ts";
import type { TaskCode } from "../api/task_code.ts";
import type { TaskStore } from "../api/task_store.ts";
import { createTaskStore } from "../runtime/downloads/file_store.ts";
import { TransferLog } from "../runtime/downloads/transfer_log.ts";
import { readSettings, type Settings } from "../settings/settings.ts";
import { DirectoryStore } from "../store/directory.ts";
import { MemoryStore } from "../store/memory.ts";
import { S3Store } from "../store/s3/s3_store.ts";
import { openStateFolder, stateFileIn } from "./state_folder.ts";
import { type Store, StoreError } from "../store/store.ts";
import type { Spans } from "../tracing/spans.ts";
import type { Timers } from "../base/time/timers.ts";
import { VERSION } from "../base/version.ts";

/** Bytes of one task's input queue inside this process, and on a server. */
const EMBEDDED_QUEUE_BYTES = 16 << 20;
export const NATS_QUEUE_BYTES = 256 << 20;

/** Asked for only to see whether the store answers. */
const PROBE_BUCKET = "kflow-ready";

export interface AppOptions {
  plan: Plan;
  host: Host;
  log: Logger;
  /** Folder for the embedded broker's state. @default `.kflow` beside the pipeline file */
  stateFolder?: string;
  /** Dials NATS over TCP, where the platform has sockets. */
  dialTcp?: NatsDial;
  /** Functions at hand by task id, made anew for each worker: their tasks need no module. */
  code?: ReadonlyMap<string, () => TaskCode>;
  /** A broker at hand, closed with the app. @default connects to the plan's */
  broker?: Broker;
  /** What workers, downloads and spans go by. @default the real ones */
  timers?: Timers;
  /** For tests of faults. */
  failpoints?: Failpoints;
}

export interface AppRunOptions {
  /** Where the tasks' counts can be asked for. */
  exporter?: Pick<Exporter, "metricsOf" | "started">;
  /** Tasks whose workers run here. */
  tasks: readonly TaskPlan[];
  run: string;
  /** Whether nobody can ask for the run again. */
  forgetRun?: boolean;
  /** Workers of each task; absent: as the plan says. */
  workers?: number;
  stop: AbortSignal;
  kill: AbortSignal;
  /** How often queues are looked at for somebody who watches, ms. */
  lookEveryMs?: number;
  /** See `RunnerOptions`. */
  finishMs?: number;
  /** The plan with something of it changed. @default the app's */
  plan?: Plan;
  /** Where these tasks take their records and send what comes of them. @default the app's */
  broker?: Broker;
  /** See `RunnerOptions`. */
  settlementOf?: RunnerOptions["settlementOf"];
  started?(progress: readonly TaskProgress[]): void;
}

/** A plan with everything it needs to run. */
export interface App {
  readonly broker: Broker;
  /** Where the steps of traces go; undefined: nowhere. */
  readonly spans: Spans | undefined;
  /** The store of a task, open. */
  storeOf(task: TaskPlan): Promise<TaskStore>;
  run(options: AppRunOptions): Promise<RunReport>;
  /** Lets go of connections that are made again when they are needed. Only while nothing runs. */
  rest(): Promise<void>;
  close(): Promise<void>;
}

/** Picks an implementation for every port, and connects. @throws {StartError} naming the address that does not answer as it should. */
export async function createApp(options: AppOptions): Promise<App> {
  const { plan, host, log, timers, failpoints } = options;
  const stateFolder = options.stateFolder ?? `${plan.folder}/.kflow`;
  const openState = remembered(() => openStateFolder(host, stateFolder));
  const embedded = plan.nats.address.kind === "embedded";
  const connected = options.broker ??
    (embedded
      ? createMemoryBroker({ stateFile: stateFileIn(stateFolder, plan.flowId, openState) })
      : await natsBroker(options));
  const broker = failpoints?.broker(connected) ?? connected;
  const stores = new Stores(host);
  const others = new OtherBrokers(options);
  const downloadFolders = new DownloadFolders({ host, log, timers });
  const spans = await startSpans(options);

  function settingsOf(task: TaskPlan): Settings {
    return readSettings((name) => task.env[name] ?? host.env(name)).settings;
  }

  function storeOf(task: TaskPlan): TaskStore {
    const percent = settingsOf(task).progressPercent;
    const transfers = new TransferLog({ log: log.with({ task: task.id }), percent });
    const store = stores.of(task);
    return createTaskStore({
      store: failpoints?.store(store) ?? store,
      openFile: (path) => host.openFile(path),
      transfers,
    });
  }

  async function functionOf(task: TaskPlan): Promise<TaskFunction> {
    const code = options.code?.get(task.id);
    if (code !== undefined) return { kind: "process", ...code() };
    const topicBroker = others.of(task.nats);
    return await makeFunction(task, { host, store: storeOf(task), topicBroker });
  }

  return {
    broker,
    spans,
    async storeOf(task) {
      await stores.open([task]);
      return storeOf(task);
    },
    async run(runOptions) {
      const of = runOptions.broker ?? broker;
      await stores.open(runOptions.tasks);
      await others.open(runOptions.tasks);
      const { exporter } = runOptions;
      const { settings } = readSettings((name) => host.env(name));
      const queueBytes = settings.streamBytes ??
        (embedded ? EMBEDDED_QUEUE_BYTES : NATS_QUEUE_BYTES);
      return await runTasks({
        ...runOptions,
        metricsOf: (task) => exporter?.metricsOf(task),
        started(progress) {
          exporter?.started({ broker: of, stores: stores.probes(runOptions.tasks) }, spans);
          runOptions.started?.(progress);
        },
        plan: runOptions.plan ?? plan,
        broker: of,
        log,
        spans,
        timers,
        settingsOf,
        codec: new AvroCodec(),
        queueBytes,
        takeOver: settings.takeOver,
        deadLetterBytes: settings.deadLetterBytes ?? queueBytes,
        podName: host.env("HOSTNAME") || host.hostname,
        errorBrokerOf: (task) => others.of(errorsOf(task)),
        storeOf,
        async downloadFiles(task) {
          const files = await downloadFolders.of(task);
          return failpoints?.files(files) ?? files;
        },
        async functionOf(task) {
          const made = await functionOf(task);
          return failpoints?.function(made) ?? made;
        },
        deadLetters: embedded
          ? new FileDeadLetters({
            files: openState,
            folder: `${plan.flowId}-dead/${runOptions.run}`,
            place: `${stateFolder}/${plan.flowId}-dead/${runOptions.run}`,
          })
          : undefined,
      });
    },
    async rest() {
      await others.close();
    },
    async close() {
      await spans?.close();
      await downloadFolders.close();
      await others.close();
      await broker.close();
      await stores.close();
    },
  };
}

/** Starts the exporter of a process; undefined if none of its tasks has metrics enabled, and then none of that code is loaded. */
export async function startExporter(
  options: Omit<ExporterOptions, "makeMetrics">,
): Promise<Exporter | undefined> {
  if (!options.tasks.some(({ metrics }) => metrics.enabled)) return undefined;
  const [{ Exporter }, { PrometheusMetrics }] = await Promise.all([
    import("../exporter/exporter.ts"),
    import("../metrics/prometheus.ts"),
  ]);
  const build = { version: VERSION, platform: options.host.platform };
  return await Exporter.start({
    ...options,
    makeMetrics: (state) => new PrometheusMetrics(build, state),
  });
}

/** Where the steps of traces go, as the environment says; undefined if it names no collector, and then none of that code is loaded. */
async function startSpans(
  { host, log, timers }: Pick<AppOptions, "host" | "log" | "timers">,
): Promise<Spans | undefined> {
  const { otlp } = readSettings((name) => host.env(name)).settings;
  if (otlp === undefined) return undefined;
  const { OtlpSpans } = await import("../tracing/otlp.ts");
  const { url, headers, serviceName, resource, ratio } = otlp;
  return new OtlpSpans({
    ...{ url, ratio, log, timers, version: VERSION },
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.reveal()]),
    ),
    resource: {
      ...{ "service.name": "kflow", "service.version": VERSION, "host.name": host.hostname },
      ...resource,
      ...(serviceName !== undefined && { "service.name": serviceName }),
    },
  });
}

/** Connects to the plan's server. @param config Another server than the pipeline's. */
export async function natsBroker(
  options: Pick<AppOptions, "plan" | "host" | "log" | "dialTcp">,
  config?: NatsConfig,
): Promise<Broker> {
  const { plan, host, log, dialTcp } = options;
  const { address, user, password, token } = config ?? plan.nats;
  if (address.kind === "embedded") throw new TypeError("There is no NATS address to connect to");
  // Loaded when it is needed: a handler that answers calls only has no use for it.
  const { connectNats } = await import("../broker/nats/nats_broker.ts");
  const { natsReplicas } = readSettings((name) => host.env(name)).settings;
  return await connectNats({
    replicas: natsReplicas,
    url: address.url,
    kind: address.kind,
    user,
    password,
    token,
    dial: dialTcp,
    openSocket: host.openSocket,
    log,
  });
}

/** Where the error records of a task go; undefined: to the pipeline's own broker, or nowhere. */
function errorsOf({ sideStream }: TaskPlan): NatsConfig | undefined {
  const { enabled, address, user, password, token } = sideStream;
  return enabled && address !== undefined ? { address, user, password, token } : undefined;
}

/** The servers that take error records or have what a nats-source reads, one connection each; not the pipeline's own. */
class OtherBrokers {
  readonly #options: AppOptions;
  readonly #brokers = new Map<string, Broker>();

  constructor(options: AppOptions) {
    this.#options = options;
  }

  /** Connects for some tasks; after that `of` is at hand at once. */
  async open(tasks: readonly TaskPlan[]): Promise<void> {
    for (const config of tasks.flatMap((task) => [errorsOf(task), task.nats])) {
      if (config === undefined || this.#isOwn(config) || this.#brokers.has(keyOf(config))) continue;
      const broker = config.address.kind === "embedded"
        ? createMemoryBroker()
        : await natsBroker(this.#options, config);
      this.#brokers.set(keyOf(config), broker);
    }
  }

  /** Undefined: the pipeline's own. */
  of(config: NatsConfig | undefined): Broker | undefined {
    return config && this.#brokers.get(keyOf(config));
  }

  async close(): Promise<void> {
    const brokers = [...this.#brokers.values()];
    this.#brokers.clear();
    for (const broker of brokers) await broker.close();
  }

  #isOwn(config: NatsConfig): boolean {
    return keyOf(config) === keyOf(this.#options.plan.nats);
  }
}

/** One store per address and user, made when it is first asked for. */
class Stores {
  readonly #host: Host;
  readonly #stores = new Map<string, Store>();
  #opening: Promise<void> = Promise.resolve();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Opens the stores of some tasks; after that `of` is at hand at once. One call after the other, so that each is opened once. */
  open(tasks: readonly TaskPlan[]): Promise<void> {
    this.#opening = this.#opening.catch(() => {}).then(() => this.#open(tasks));
    return this.#opening;
  }

  async #open(tasks: readonly TaskPlan[]): Promise<void> {
    for (const { store } of tasks) {
      const key = keyOf(store);
      if (!this.#stores.has(key)) this.#stores.set(key, await openStore(store, this.#host));
    }
  }

  /** Of the tasks' stores those that can be away, each once. */
  probes(tasks: readonly TaskPlan[]): StoreProbe[] {
    const remote = tasks.filter(({ store }) => store.address.kind === "s3");
    const found = new Map(remote.map((task) => [keyOf(task.store), this.of(task)]));
    return [...found.values()].map((store) => ({
      address: store.address,
      async check() {
        try {
          await store.check(PROBE_BUCKET);
        } catch (error) {
          // That there is no such bucket, or that it is not ours, is an answer.
          if (!(error instanceof StoreError) || error.isOfStore) throw error;
        }
      },
    }));
  }

  of(task: TaskPlan): Store {
    const store = this.#stores.get(keyOf(task.store));
    if (store === undefined) throw new RangeError(`The store of task "${task.id}" is not open`);
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#stores.values()) await store.close();
  }
}

/** Opens the store that a configuration describes. Contacts nothing but the file system. */
export async function openStore(config: StoreConfig, host: Host): Promise<Store> {
  const { address, user, password } = config;
  switch (address.kind) {
    case "memory":
      return new MemoryStore({ createBuckets: true });
    case "directory":
      return new DirectoryStore(await host.files(address.path, { create: true }), {
        createBuckets: true,
      });
    case "s3":
      return new S3Store({ endpoint: address.endpoint, user, password, fetch: host.fetch });
  }
}

function keyOf(config: StoreConfig | NatsConfig): string {
  const { address, user, password } = config;
  const token = "token" in config ? config.token : undefined;
  return JSON.stringify([address, user, password?.reveal(), token?.reveal()]);
}

function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}
