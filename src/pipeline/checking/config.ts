import { Secret } from "../../base/secret.ts";
import { AddressError, type Parsed, parseNatsAddress, parseStoreAddress } from "./address.ts";
import type { Path } from "../reading/places.ts";
import type {
  MetricsConfig,
  NatsAddress,
  NatsConfig,
  SideStreamConfig,
  StoreAddress,
  StoreConfig,
} from "../plan/plan.ts";
import type { Report } from "../reading/findings.ts";
import { type ConfigDocument, METRICS_PORT, type PipelineDocument } from "../reading/schema.ts";
import type { TaskDraft } from "./task_draft.ts";
import { subjectProblem } from "./topics.ts";

interface ConfigOptions {
  report: Report;
  env(name: string): string | undefined;
  /** Absolute path of what the pipeline calls `path`. */
  resolvePath(path: string): string;
}

/** What one place says about a server; what it leaves out comes from the next place. */
interface Layer<A> {
  readonly address?: A;
  readonly user?: string;
  readonly password?: Secret;
  readonly token?: Secret;
}

interface Credentials {
  readonly addr?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

/** A store as far as the file and the environment name it. */
export type PartialStore = Omit<StoreConfig, "address"> & { readonly address?: StoreAddress };

/**
 * Merges what the task, its globalConfig, the pipeline's globalConfig and the environment say, field by field, in this order.
 * Reads every place once, so that each mistake is reported once.
 */
export class Config {
  readonly #options: ConfigOptions;
  readonly #document: PipelineDocument;
  readonly #store: Layer<StoreAddress>;
  #storeOfEnvironment: Layer<StoreAddress> | undefined;
  readonly #sideStream: Partial<SideStreamConfig>;
  /** Where records of the pipeline flow. */
  readonly nats: NatsConfig;

  constructor(document: PipelineDocument, options: ConfigOptions) {
    this.#options = options;
    this.#document = document;
    const config = document.globalConfig;
    this.#store = this.#storeLayer(config?.store, ["globalConfig", "store"]);
    this.#sideStream = this.#sideStreamLayer(config?.sideStream, ["globalConfig", "sideStream"]);
    this.#requireTopics(this.#sideStream, ["globalConfig", "sideStream"]);
    const nats = this.#layer(config?.nats, ["globalConfig", "nats"], parseNatsAddress);
    const merged = merge(nats, nats.address ? {} : this.#natsOfEnvironment());
    this.nats = { ...merged, address: merged.address ?? { kind: "embedded" } };
  }

  /** The store as the file has it; a task's own `addr`, `user` and `password` count for types that use a store. */
  writtenStore(task: TaskDraft): PartialStore {
    const { globalConfig } = task.document;
    const own = usesStoreAddress(task) ? this.#storeLayer(task.document, task.path) : {};
    const local = this.#storeLayer(globalConfig?.store, [...task.path, "globalConfig", "store"]);
    return merge(own, local, this.#store);
  }

  /** The task's store, with what the environment adds. */
  store(task: TaskDraft): PartialStore {
    const written = this.writtenStore(task);
    const merged = merge(written, this.#environment(written.address === undefined));
    if (merged.address && merged.address.kind !== "s3") return { address: merged.address };
    return merged;
  }

  /** Whether an address that the task would use is there, but wrong. */
  isStoreBroken(task: TaskDraft): boolean {
    const { report, env } = this.#options;
    const places = [task.path, [...task.path, "globalConfig", "store"], ["globalConfig", "store"]];
    return Boolean(env("KFLOW_STORE_ADDR")) ||
      places.some((path) => report.isBroken(path) || report.isBroken([...path, "addr"]));
  }

  /** Whether objects are downloaded for the task. Only user code can use them. */
  autoDownload(task: TaskDraft): boolean {
    if (task.type !== "raw") return false;
    return task.document.globalConfig?.store?.autoDownload ??
      this.#document.globalConfig?.store?.autoDownload ?? false;
  }

  /** Buckets that records of the task may name beside those of the file. */
  recordBuckets(task: TaskDraft): readonly string[] {
    const own = task.document.globalConfig?.store?.buckets;
    const listed = own ?? this.#document.globalConfig?.store?.buckets ?? [];
    return listed.filter((bucket) => bucket !== undefined);
  }

  sideStream(task: TaskDraft): SideStreamConfig {
    const path = [...task.path, "globalConfig", "sideStream"];
    const local = task.document.globalConfig?.sideStream;
    const own = this.#sideStreamLayer(local, path);
    // Credentials belong to the address they were written in.
    const { address, user, password, token, ...rest } = this.#sideStream;
    const inherited = own.address ? rest : { address, user, password, token, ...rest };
    const merged = { ...defined(inherited), ...own };
    if (local && !this.#options.report.isBroken(["globalConfig", "sideStream"])) {
      this.#requireTopics(merged, path);
    }
    return { ...merged, enabled: merged.enabled ?? false, errorTopics: merged.errorTopics ?? [] };
  }

  metrics(task: TaskDraft): MetricsConfig {
    const { metrics, globalConfig } = this.#document;
    const layers = [task.document.globalConfig?.metrics, globalConfig?.metrics, metrics];
    return {
      enabled: layers.find((layer) => layer?.enabled !== undefined)?.enabled ?? false,
      port: layers.find((layer) => layer?.port !== undefined)?.port ?? METRICS_PORT,
      required: layers.find((layer) => layer?.required !== undefined)?.required ?? false,
    };
  }

  /** Address and credentials of a task that talks to a NATS server of its own. */
  natsOf(task: TaskDraft): NatsConfig {
    const own = this.#layer(task.document, task.path, parseNatsAddress);
    return own.address ? { ...own, address: own.address } : this.nats;
  }

  /** Reads `addr`, `user` and `password` of a task with the parser for its kind of server. */
  layerOf<A>(task: TaskDraft, parse: (text: string) => Parsed<A>): Layer<A> {
    return this.#layer(task.document, task.path, parse);
  }

  #storeLayer(values: Credentials | undefined, path: Path): Layer<StoreAddress> {
    return this.#layer(values, path, (text) => parseStoreAddress(text, this.#options.resolvePath));
  }

  #layer<A>(
    values: Credentials | undefined,
    path: Path,
    parse: (text: string) => Parsed<A>,
  ): Layer<A> {
    if (!values) return {};
    const { addr, user, password, token } = values;
    let parsed: Layer<A> = {};
    if (addr !== undefined) {
      try {
        parsed = parse(addr);
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        if (!this.#options.report.isBroken([...path, "addr"])) {
          this.#options.report.error([...path, "addr"], error.message);
        }
      }
    }
    return merge(parsed, {
      ...(user !== undefined && { user }),
      ...(password !== undefined && { password: new Secret(password) }),
      ...(token !== undefined && { token: new Secret(token) }),
    });
  }

  #environment(withAddress: boolean): Layer<StoreAddress> {
    const { env, resolvePath } = this.#options;
    const user = env("KFLOW_STORE_USER");
    const password = env("KFLOW_STORE_PASSWORD");
    const credentials = {
      ...(user && { user }),
      ...(password && { password: new Secret(password) }),
    };
    if (!withAddress) return credentials;
    this.#storeOfEnvironment ??= this.#fromEnvironment(
      "KFLOW_STORE_ADDR",
      (text) => parseStoreAddress(text, resolvePath),
    );
    return merge(this.#storeOfEnvironment, credentials);
  }

  #natsOfEnvironment(): Layer<NatsAddress> {
    return this.#fromEnvironment("KFLOW_NATS_ADDR", parseNatsAddress);
  }

  #fromEnvironment<A>(name: string, parse: (text: string) => Parsed<A>): Layer<A> {
    const text = this.#options.env(name);
    if (text === undefined || text === "") return {};
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      const [problem, hint] = error.message.split("; ");
      this.#options.report.add({
        file: "environment",
        path: name,
        problem: problem!,
        ...(hint && { hint }),
      });
      return {};
    }
  }

  #sideStreamLayer(values: ConfigDocument["sideStream"], path: Path): Partial<SideStreamConfig> {
    if (!values) return {};
    const { address, ...credentials } = this.#layer({ addr: values.addr }, path, parseNatsAddress);
    return {
      ...(address && { address, ...credentials }),
      ...(values.enabled !== undefined && { enabled: values.enabled }),
      ...(values.format !== undefined && { format: values.format }),
      ...(values.errorTopics !== undefined &&
        { errorTopics: this.#topics(values.errorTopics, [...path, "errorTopics"]) }),
    };
  }

  #topics(text: string, path: Path): string[] {
    const { report } = this.#options;
    const topics = text.split(",").map((topic) => topic.replace(/^ +| +$/g, ""));
    for (const topic of topics) {
      const problem = subjectProblem(topic, false);
      if (problem) report.error(path, problem);
      else if (!topic.includes(".")) {
        report.warning(
          path,
          `error topic "${topic}" has no dot; write stream.subject, such as "kflow-error.error"`,
        );
      }
    }
    return topics;
  }

  #requireTopics(config: Partial<SideStreamConfig>, path: Path): void {
    const { report } = this.#options;
    if (
      !config.enabled || config.errorTopics !== undefined ||
      report.isBroken([...path, "errorTopics"])
    ) return;
    report.error(
      path,
      "sideStream is enabled without errorTopics; add errorTopics: stream.subject",
    );
  }
}

/** Whether the task's own `addr` is that of a store. */
function usesStoreAddress({ type }: TaskDraft): boolean {
  return type === "fs-source" || type === "s3-sink" || type === "raw";
}

/** For each field, what the first layer that has it says. */
function merge<A>(...layers: Layer<A>[]): Layer<A> {
  return Object.assign({}, ...layers.toReversed());
}

function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
