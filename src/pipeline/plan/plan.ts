import type { TaskKind, TaskType } from "../reading/task_types.ts";
import type { Secret } from "../../base/secret.ts";
import type { Meta } from "./meta.ts";

/** Where records flow. `embedded` is a broker inside this process; `url` may be several with commas between, of the servers of one cluster. */
export type NatsAddress =
  | { readonly kind: "embedded" }
  | { readonly kind: "websocket" | "tcp"; readonly url: string };

/** Where objects live. */
export type StoreAddress =
  | { readonly kind: "memory" }
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "s3"; readonly endpoint: string };

export interface NatsConfig {
  readonly address: NatsAddress;
  readonly user?: string;
  readonly password?: Secret;
  readonly token?: Secret;
}

export interface StoreConfig {
  readonly address: StoreAddress;
  readonly user?: string;
  readonly password?: Secret;
}

export interface SideStreamConfig {
  readonly enabled: boolean;
  /** Absent: the pipeline's own broker. */
  readonly address?: NatsAddress;
  /** Credentials that were written in the address. */
  readonly user?: string;
  readonly password?: Secret;
  readonly token?: Secret;
  readonly errorTopics: readonly string[];
  /** @default "avro" */
  readonly format?: "avro" | "json";
}

export interface MetricsConfig {
  readonly enabled: boolean;
  readonly port: number;
  /** Whether nothing runs where the port cannot be had. */
  readonly required: boolean;
}

/** One way out of a task: its main output or one of its side outs. */
export interface Output {
  /** Absent for the main output, else the id of the side out. */
  readonly sideOut?: string;
  /** Schema of what goes out here, parsed JSON; absent where a function must declare it. */
  readonly schema?: unknown;
  /** Ids of the tasks that take it, in the file's order. */
  readonly consumers: readonly string[];
}

/** One incoming edge of a task. */
export interface Input {
  readonly producer: string;
  /** Absent: the producer's main output. */
  readonly sideOut?: string;
  /** The producer's: so late what it sends here may come again. */
  readonly ackWaitMs?: number;
}

export interface TaskPlace {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Such as `dag[1]`. */
  readonly path: string;
}

/** A task with everything merged in: its own globalConfig, the global one, the environment. */
export interface TaskPlan {
  readonly id: string;
  readonly type: TaskType;
  readonly kind: TaskKind;
  /** Workers that `kflow run` starts for it. */
  readonly parallelism: number;
  /** Absolute path of the module with the user's function. */
  readonly module?: string;
  /** Durable name of its consumer group. */
  readonly groupId: string;
  /** As in the file: a bucket (`s3a://bucket/prefix`), an index, a subject. */
  readonly topics?: string;
  /** `topics` of an fs-source or s3-sink, taken apart. */
  readonly bucket?: { readonly bucket: string; readonly prefix: string };
  /** Of an elastic-sink: `http(s)://host:port`. Addresses of stores are in `store`, that of a nats-source is in `nats`. */
  readonly addr?: string;
  readonly user?: string;
  readonly password?: Secret;
  /** Where a nats-source reads. */
  readonly nats?: NatsConfig;
  /** Of an s3-sink `json`, `ndjson` or `avro`, of a nats-source `avro` or `json`. */
  readonly format?: string;
  readonly partitionBy?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly meta: Meta;
  readonly store: StoreConfig;
  readonly autoDownload: boolean;
  /** Buckets of which a record may name an object; `*` among them is every bucket. */
  readonly recordBuckets: ReadonlySet<string>;
  /** After how long an input comes again that is not acknowledged, ms; absent for a source that makes its records. */
  readonly ackWaitMs?: number;
  readonly sideStream: SideStreamConfig;
  readonly metrics: MetricsConfig;
  readonly inputs: readonly Input[];
  /** Where the task is written, for messages about it. */
  readonly place?: TaskPlace;
  /** The main output first (present, perhaps without consumers, unless the task is a sink), then the side outs. */
  readonly outputs: readonly Output[];
}

/** A checked pipeline. Nothing in it can be a user's mistake any more. */
export interface Plan {
  /** The pipeline file, as given. */
  readonly file: string;
  /** Absolute path of the folder it lies in. */
  readonly folder: string;
  readonly flowId: string;
  readonly mode: "batch" | "streaming";
  readonly nats: NatsConfig;
  /** Producers before consumers. */
  readonly tasks: readonly TaskPlan[];
}
