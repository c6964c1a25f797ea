import { AvroCodec } from "../codec/avro/avro_codec.ts";
import { schemaCheck } from "../codec/schema_check.ts";
import { ConfigurationError, type Finding } from "../base/errors.ts";
import { loadPlan } from "../pipeline/load_plan.ts";
import type { Plan, TaskPlan } from "../pipeline/plan/plan.ts";

/** What a test says of the task that runs its function: as in the pipeline file. */
export interface TestedTask {
  /** Avro schema of the records that are pushed: JSON text, or the same as an object. */
  schemaIn: unknown;
  /** Of what the function returns. Absent: it declares its own in `open()`, or it is a sink. */
  schemaOut?: unknown;
  /** Schemas of the side outs, by id. */
  sideOuts?: Readonly<Record<string, unknown>>;
  /** `meta` of the task, dotted or nested. */
  meta?: Readonly<Record<string, unknown>>;
  /** Whether the object that a record names is downloaded before each call. @default false */
  autoDownload?: boolean;
  /** In a batch attempts are limited, and its input has an end. @default "batch" */
  mode?: "batch" | "streaming";
}

/** Names in the pipeline around the tested function. */
export const TESTED = {
  file: "createTestKit",
  flow: "test",
  input: "input",
  task: "function",
  output: "output",
  errors: "test-errors.error",
} as const;

/** The task that takes a side out of the tested function. */
function sideTask(index: number): string {
  return `side-${index}`;
}

export interface TestedPipeline {
  readonly plan: Plan;
  readonly task: TaskPlan;
  readonly warnings: readonly Finding[];
}

/**
 * A pipeline of one source, the function's task and whatever takes its outputs, checked by the same rules as a file.
 * @param options.sink Whether the task has no main output.
 * @throws {ConfigurationError} with every mistake.
 */
export async function testedPipeline(
  tested: TestedTask,
  { sink }: { sink: boolean },
): Promise<TestedPipeline> {
  const sides = Object.entries(tested.sideOuts ?? {});
  const document = {
    runtime: "flow",
    name: TESTED.flow,
    ...(tested.mode !== "streaming" && { mode: "batch" }),
    globalConfig: {
      store: { addr: "memory:", buckets: ["*"] },
      sideStream: { enabled: true, errorTopics: TESTED.errors, format: "json" },
    },
    dag: [
      {
        id: TESTED.input,
        type: "raw-source",
        module: "input",
        schema: tested.schemaIn,
        out: [TESTED.task],
      },
      {
        id: TESTED.task,
        type: "raw",
        module: "function",
        ...(tested.meta !== undefined && { meta: tested.meta }),
        ...(tested.schemaOut !== undefined && { schema: tested.schemaOut }),
        ...(!sink && { out: [TESTED.output] }),
        ...(sides.length > 0 && {
          sideOuts: sides.map(([id, schema], i) => ({ id, schema, out: [sideTask(i)] })),
        }),
        ...(tested.autoDownload && { globalConfig: { store: { autoDownload: true } } }),
      },
      ...(sink ? [] : [{ id: TESTED.output, type: "print" }]),
      ...sides.map((_side, i) => ({ id: sideTask(i), type: "print" })),
    ],
  };
  const { plan, errors, warnings } = await loadPlan({
    file: TESTED.file,
    content: document,
    folder: "/",
    env: () => undefined,
    readText: () => Promise.reject(new Error("ENOENT")),
    resolvePath: (path) => path,
    checkSchema: schemaCheck(new AvroCodec()),
  });
  if (plan === undefined) throw new ConfigurationError(errors);
  const task = plan.tasks.find(({ id }) => id === TESTED.task)!;
  return { plan, task, warnings };
}
