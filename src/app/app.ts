import type { TaskFunction } from "../api/task_function.ts";
import type { TaskStore } from "../api/task_store.ts";
import { createMemoryBroker } from "../broker/memory/memory_broker.ts";
import { AvroCodec } from "../codec/avro/avro_codec.ts";
import type { TaskPlan } from "../pipeline/plan/plan.ts";
import { DownloadFolders } from "../runtime/downloads/download_folders.ts";
import { createTaskStore } from "../runtime/downloads/file_store.ts";
import { TransferLog } from "../runtime/downloads/transfer_log.ts";
import { FileDeadLetters } from "../runtime/failures/dead_letters.ts";
import { runTasks } from "../runtime/run/runner.ts";
import { readSettings, type Settings } from "../settings/settings.ts";
import { makeFunction } from "../task_types/registry.ts";
import type { App, AppOptions } from "./app_options.ts";
import {
  EMBEDDED_QUEUE_BYTES,
  errorServerOf,
  NATS_QUEUE_BYTES,
  natsBroker,
  OtherBrokers,
} from "./brokers.ts";
import { startSpans } from "./observers.ts";
import { openStateFolder, stateFileIn } from "./state_folder.ts";
import { Stores } from "./stores.ts";

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
        errorBrokerOf: (task) => others.of(errorServerOf(task)),
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

function remembered<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}
