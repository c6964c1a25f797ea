/**
 * kflow runs basic pipelines: one YAML file that declares a DAG of tasks. This is its public door; run as a program it is the command line.
 *
 * ```ts
 * import { AckError, type Context } from "kflow";
 *
 * export default function increment(record: { value: number }, ctx: Context) {
 *   if (record.value < 0) throw new AckError("negative");
 *   return { value: record.value + ctx.meta.getInteger("increment", 1) };
 * }
 * ```
 * @module
 */
import type { RecordValue } from "./src/codec/codec.ts";
import type { HttpLimits } from "./src/http/limits.ts";
import type { HandlerParts, HandlerSource } from "./src/handler/handler_source.ts";
import { ProcessRuntime } from "./src/api/process_runtime.ts";
import { Secret } from "./src/base/secret.ts";
import type { Timers } from "./src/base/time/timers.ts";
import { variablesIn } from "./src/settings/variables.ts";
import type { TestKit, TestKitOptions } from "./src/test_kit/test_kit.ts";

export { AckError, AckError as AckException, type AckErrorOptions } from "./src/api/ack_error.ts";
export type {
  BulkContext,
  CloseContext,
  Context,
  DeliveryInfo,
  OpenContext,
} from "./src/api/context.ts";
export type { Outputs, ProcessFunction } from "./src/api/function.ts";
export type {
  GenerateFunction,
  GeneratorContext,
  Records,
  RecordSource,
  SourceModule,
} from "./src/api/record_source.ts";
export type { TaskStore, UploadOptions } from "./src/api/task_store.ts";
export type { LogFields, Logger, LogLevel } from "./src/base/log.ts";
export type { Meta } from "./src/pipeline/plan/meta.ts";
export type { JsonForm, RecordValue } from "./src/codec/codec.ts";
export { S3Store, type S3StoreOptions } from "./src/store/s3/s3_store.ts";
export { type BasicRuntimeOptions, ProcessRuntime } from "./src/api/process_runtime.ts";
export type { ErrorRecord } from "./src/runtime/failures/error_record.ts";
export type { LoggedLine, TestKit, TestKitOptions } from "./src/test_kit/test_kit.ts";
export type { TestedTask } from "./src/test_kit/tested_pipeline.ts";
export type { GivenUp, HandedBack } from "./src/test_kit/kit_record.ts";
export type { HttpLimits } from "./src/http/limits.ts";
export type { HandlerSource } from "./src/handler/handler_source.ts";
export { Secret };
export type { S3Timing } from "./src/store/s3/request.ts";
export {
  type GetOptions,
  type ObjectInfo,
  type PutOptions,
  type Store,
  type StoredObject,
  StoreError,
  type StoreErrorKind,
} from "./src/store/store.ts";

/** Which task a program works on; what is absent the environment says. */
export interface BasicRuntimeRunOptions {
  /** Path of the pipeline file. @default `KFLOW_PIPELINE` */
  pipeline?: string;
  /** Id of the task in it. @default `KFLOW_TASK` */
  task?: string;
  /** Id of the batch run. @default `KFLOW_RUN_ID`, else "default" */
  run?: string;
}

/**
 * A program of your own that is the worker of one task (product document, "Manual acknowledgement").
 *
 * ```ts
 * const runtime = new BasicRuntime({ manualAck: true }).addProcessFunction(new Increment());
 * export default runtime;                       // for `module:` of a pipeline file
 * if (import.meta.main) await runtime.run();    // for a container of its own
 * ```
 */
export class BasicRuntime extends ProcessRuntime {
  /**
   * Works like `kflow worker` until the batch is finished or a signal stops it, then resolves. What `kflow worker` ends with status 1 or 2 for ends the
   * process with that status, and one line on standard error.
   */
  async run(options: BasicRuntimeRunOptions = {}): Promise<void> {
    await (await adapter()).runFunction(this, options);
  }
}

/**
 * Tries a function without broker or server: push records, see what comes of them, let time pass.
 *
 * ```ts
 * await using kit = await createTestKit({ function: double, schemaIn: NUMBER, schemaOut: NUMBER });
 * await kit.push({ value: 4 });
 * assert.deepEqual(kit.outputs, [{ value: 8 }]);
 * ```
 * @throws {ConfigurationError} naming every option that is wrong; and whatever `open` of the function throws.
 */
export async function createTestKit<O = RecordValue>(options: TestKitOptions): Promise<TestKit<O>> {
  const platform = {
    temporaryFiles: async () => await (await adapter()).temporaryFiles(),
    openFile: async (path: string) => await (await adapter()).openFile(path),
  };
  const { TestKit } = await import("./src/test_kit/test_kit.ts");
  return await TestKit.start<O>(options, platform);
}

/** What `createHandler` takes. */
export interface HandlerOptions extends HandlerSource {
  /**
   * Bearer token for all that changes something. Without one nobody may do that, unless `local` is true.
   * `TypeError` if it has other characters than visible ASCII, which no client can send.
   * @default `KFLOW_HTTP_TOKEN` of `env`, or what is in the file of its `KFLOW_HTTP_TOKEN_FILE`
   */
  token?: string | Secret;
  /**
   * Whether programs on the same machine need no token where there is none, as far as the host tells the peer's address. Only for a server that listens on a loopback
   * address and has no proxy before it: a proxy on this machine cannot be told from a program on it.
   * @default false
   */
  local?: boolean;
  /** What a request may ask of it. */
  limits?: HttpLimits;
}

/** Answers requests. `Deno.serve(handler)`, `Bun.serve({ fetch: handler })` and `export default { fetch: handler }` are all it takes. */
export interface Handler {
  /** @param info What hosts hand over beside the request: it tells the peer's address. */
  (request: Request, info?: unknown): Promise<Response>;
  /** Finishes what is begun and lets go of every connection; what is asked after that is refused. */
  close(): Promise<void>;
}

/**
 * A pipeline that HTTP requests trigger: `POST /tasks/ID` runs one task on the records in the body, `POST /drain` works off what waits, `POST /events/s3` takes
 * bucket notifications (docs/run/http.md). Made of fetch types only. The pipeline is read with the first request; a mistake in it is answered with 500 and logged.
 *
 * ```ts
 * const handler = createHandler({ pipeline: await Deno.readTextFile("pipeline.yaml"), functions: { double }, token });
 * Deno.serve(handler);
 * ```
 */
export function createHandler(options: HandlerOptions): Handler {
  const { local = false, limits } = options;
  const env = variablesIn(options.env ?? {});
  const given = options.token ?? env("KFLOW_HTTP_TOKEN");
  const token = typeof given === "string" ? new Secret(given) : given;
  const text = token?.reveal() ?? "";
  if (/[^\x21-\x7e]/.test(text)) {
    throw new TypeError(
      "The token of a handler needs visible ASCII characters without blanks or line breaks: no client can send others",
    );
  }
  const inFile = !given && Boolean(env("KFLOW_HTTP_TOKEN_FILE"));
  const loading = Promise.all([
    import("./src/handler/handler.ts"),
    import("./src/handler/handler_source.ts"),
  ]).then(([{ PipelineHandler }, { loadHandlerParts }]) => {
    let loaded: Promise<HandlerParts> | undefined;
    const load = () => loaded ??= loadHandlerParts(options, hasFiles() ? platform : undefined);
    return new PipelineHandler({
      load: async () => ({ ...await load(), timers: await backgroundTimers() }),
      restMs: HANDLER_REST_MS,
      token: inFile ? async () => (await load()).httpToken : token,
      local,
      limits,
    });
  });
  // Whoever asks first learns of it.
  loading.catch(() => {});
  return Object.assign(
    async (request: Request, info?: unknown) => await (await loading).fetch(request, info),
    { close: async () => await (await loading).close() },
  );
}

/** A handler of which nothing is asked for so long gives up connections and Workers, which would keep its process alive. */
const HANDLER_REST_MS = 5_000;

/** Timers that keep no process alive, where the host has them. */
async function backgroundTimers(): Promise<Timers | undefined> {
  if (!hasFiles()) return undefined;
  const { BACKGROUND_TIMERS } = await import("./adapters/shared/node/background_timers.ts");
  return BACKGROUND_TIMERS;
}

async function platform() {
  return (await adapter()).handlerPlatform();
}

function hasFiles(): boolean {
  return "Deno" in globalThis || "Bun" in globalThis;
}

/** Loaded when it is needed: the core works where there is none. */
function adapter() {
  return "Deno" in globalThis
    ? import("./adapters/deno/main.ts")
    : import("./adapters/bun/main.ts");
}

// In a binary made by `bun build --compile` a Worker takes this module for its main one too.
const { Bun } = globalThis as { Bun?: { readonly isMainThread: boolean } };

// Not awaited here: the adapter imports this module, which has to be complete first.
if (import.meta.main && Bun?.isMainThread !== false) void adapter().then(({ main }) => main());
