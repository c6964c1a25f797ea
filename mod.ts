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
export {
  AckError,
  AckError as AckException,
  type AckErrorOptions,
} from "./src/runtime/ack_error.ts";
export type {
  BulkContext,
  CloseContext,
  Context,
  DeliveryInfo,
  OpenContext,
} from "./src/runtime/context.ts";
export type { Outputs, ProcessFunction } from "./src/runtime/function.ts";
export type {
  GenerateFunction,
  GeneratorContext,
  Records,
  RecordSource,
  SourceModule,
} from "./src/runtime/record_source.ts";
export type { Logger, LogLevel } from "./src/log.ts";
export type { Meta } from "./src/pipeline/meta.ts";
export type { RecordValue } from "./src/codec/codec.ts";
export { S3Store, type S3StoreOptions } from "./src/store/s3.ts";
export { Secret } from "./src/secret.ts";
export {
  type ObjectInfo,
  type Store,
  type StoredObject,
  StoreError,
  type StoreErrorKind,
} from "./src/store/store.ts";

// In a binary made by `bun build --compile` a Worker takes this module for its main one too.
const { Bun } = globalThis as { Bun?: { readonly isMainThread: boolean } };

if (import.meta.main && Bun?.isMainThread !== false) {
  const adapter = "Deno" in globalThis
    ? import("./adapters/deno/main.ts")
    : import("./adapters/bun/main.ts");
  // Not awaited here: the adapter imports this module, which has to be complete first.
  void adapter.then(({ main }) => main());
}
