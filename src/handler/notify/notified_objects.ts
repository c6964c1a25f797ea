import type { App } from "../../app/app_options.ts";
import type { Broker } from "../../broker/broker.ts";
import { FlowNames } from "../../broker/subjects.ts";
import {
  NOTIFIED,
  objectMessageId,
  objectRecord,
  objectVersion,
} from "../../task_types/fs_source/object_record.ts";
import type { Logger } from "../../base/log.ts";
import type { Plan, TaskPlan } from "../../pipeline/plan/plan.ts";
import { TaskOutputs } from "../../runtime/records/outputs.ts";
import { TaskProgress } from "../../runtime/progress/task_progress.ts";
import { SOURCE_LIMIT, SourceEmitter } from "../../runtime/sources/source_emitter.ts";
import { TaskSpans } from "../../runtime/records/task_spans.ts";
import { type ObjectInfo, type Store, StoreError } from "../../store/store.ts";
import type { FlowEdges } from "../flow_edges.ts";
import type { HandlerMetrics } from "../handler_metrics.ts";
import type { NotifiedObject } from "./s3_event.ts";

export interface NotifiedObjectsOptions {
  app: App;
  plan: Plan;
  /** Id of the run that the objects belong to where the source has no checkpoint. */
  run: string;
  edges: FlowEdges;
  metrics: HandlerMetrics;
  log: Logger;
}

export interface FedObjects {
  /** Records on their edges now: one for each object and each source that it belongs to. */
  readonly fed: number;
  /** Of these, by edge, those that were there before and are not stored again. */
  readonly duplicates: number;
  /** Objects of other buckets, and those that are gone. */
  readonly ignored: number;
}

/** Feeds objects that a store tells of into the edges of the fs-sources they belong to, as if they were listed. */
export class NotifiedObjects {
  readonly #options: NotifiedObjectsOptions;
  readonly #sources: readonly TaskPlan[];

  constructor(options: NotifiedObjectsOptions) {
    this.#options = options;
    this.#sources = options.plan.tasks.filter(({ type }) => type === "fs-source");
  }

  /** @throws {HttpError} 503; {StoreError} if the store is away; the signal's reason. What was fed before is not stored twice when the objects come again. */
  async feed(
    broker: Broker,
    objects: readonly NotifiedObject[],
    signal: AbortSignal,
  ): Promise<FedObjects> {
    let [fed, duplicates, ignored] = [0, 0, 0];
    for (const source of this.#sources) {
      const { bucket, prefix } = source.bucket!;
      const own = objects.filter((each) => each.bucket === bucket && each.key.startsWith(prefix));
      if (own.length === 0) continue;
      const done = await this.#feedOne(broker, source, { objects: own, signal });
      fed += done.fed;
      duplicates += done.duplicates;
      ignored += own.length - done.fed;
    }
    const isOurs = ({ bucket, key }: NotifiedObject) =>
      this.#sources.some((source) =>
        source.bucket!.bucket === bucket && key.startsWith(source.bucket!.prefix)
      );
    return { fed, duplicates, ignored: ignored + objects.filter((each) => !isOurs(each)).length };
  }

  async #feedOne(
    broker: Broker,
    task: TaskPlan,
    { objects, signal }: { objects: readonly NotifiedObject[]; signal: AbortSignal },
  ): Promise<{ fed: number; duplicates: number }> {
    const { app, plan, run, edges, metrics, log } = this.#options;
    const store = await app.storeOf(task);
    const schemas = await edges.ready(broker, task);
    const publisher = broker.publisher({ limit: SOURCE_LIMIT });
    const progress = new TaskProgress(task.id, metrics.of(task));
    const counted = metrics.session(task);
    counted.progress = [progress];
    const names = new FlowNames(plan.flowId);
    const outputs = new TaskOutputs({
      flow: plan.flowId,
      ...{ task, names, publisher, maxPayload: broker.maxPayload },
    });
    const emitter = new SourceEmitter({
      flow: plan.flowId,
      ...{ task, run, outputs, publisher, names, progress, signal },
      batch: plan.mode === "batch",
      state: broker.state,
      log: log.with({ task: task.id }),
      kill: signal,
      durable: true,
      spans: TaskSpans.of(app.spans, { flow: plan.flowId, task: task.id }),
    });
    const checkpoint = task.meta.getBoolean("checkpoint", false);
    try {
      await outputs.open(schemas, undefined);
      const versions: string[] = [];
      for (const notified of objects) {
        const object = await listedAs(notified, store, signal);
        if (object === undefined) continue;
        const version = objectVersion(object);
        const id = objectMessageId(version, { checkpoint, run });
        await emitter.emit(objectRecord(object, emitter.schema), { id });
        versions.push(version);
      }
      signal.throwIfAborted();
      await emitter.flush();
      if (checkpoint) {
        for (const version of versions) await emitter.memory.put(NOTIFIED + version, "");
      }
      return { fed: versions.length, duplicates: progress.counts.duplicates };
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      publisher.close();
      counted.end();
    }
  }
}

/**
 * The object as a listing shows it now, so that its record and its message id are those of a listing: the time in a notification is another one. Undefined if it
 * is gone.
 */
async function listedAs(
  { bucket, key }: NotifiedObject,
  store: Pick<Store, "list">,
  signal: AbortSignal,
): Promise<ObjectInfo | undefined> {
  try {
    for await (const page of store.list(bucket, key, signal)) {
      // Of all keys that begin with it, it is the first.
      const [first] = page;
      if (first !== undefined) return first.key === key ? first : undefined;
    }
  } catch (error) {
    if (error instanceof StoreError && error.kind === "bad-name") return undefined;
    throw error;
  }
  return undefined;
}
