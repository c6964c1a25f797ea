import { flattenMeta, type MetaEntry } from "./meta_entries.ts";
import { kindOf, type TaskKind, type TaskType } from "../reading/task_types.ts";
import type { Path } from "../reading/places.ts";
import { readRecordSchema, S3_LIST_SCHEMA, type SchemaCheck } from "./record_schema.ts";
import type { Report } from "../reading/findings.ts";
import type { PipelineDocument, TaskDocument } from "../reading/schema.ts";

/** One way out of a task, as written. */
export interface DraftOutput {
  readonly sideOut?: string;
  readonly schema?: unknown;
  /** Of `out`. */
  readonly path: Path;
  readonly consumers: readonly { readonly id: string; readonly path: Path }[];
}

/** A task on its way from the document to the plan: what can be read of it, with the places. */
export interface TaskDraft {
  readonly path: Path;
  readonly document: TaskDocument;
  readonly id?: string;
  readonly type?: TaskType;
  readonly kind?: TaskKind;
  readonly meta: ReadonlyMap<string, MetaEntry>;
  /** The main output first, also of a sink. */
  readonly outputs: readonly DraftOutput[];
}

export function draftTasks(
  document: PipelineDocument,
  options: { report: Report; checkSchema?: SchemaCheck },
): TaskDraft[] {
  return (document.dag ?? []).flatMap((task, index) =>
    task ? [draftTask(task, { ...options, path: ["dag", index] })] : []
  );
}

interface DraftOptions {
  path: Path;
  report: Report;
  checkSchema?: SchemaCheck;
}

function draftTask(task: TaskDocument, options: DraftOptions): TaskDraft {
  const { path, report } = options;
  const { id, type } = task;
  const main: DraftOutput = {
    schema: schemaOf(task.schema, [...path, "schema"], options) ??
      (type === "fs-source" && task.schema === undefined ? S3_LIST_SCHEMA : undefined),
    path: [...path, "out"],
    consumers: consumersOf(task.out, [...path, "out"]),
  };
  const sides = (task.sideOuts ?? []).flatMap((side, index): DraftOutput[] => {
    const at = [...path, "sideOuts", index];
    if (!side) return [];
    const schema = schemaOf(side.schema, [...at, "schema"], options);
    return [{
      sideOut: side.id ?? "",
      schema,
      path: [...at, "out"],
      consumers: consumersOf(side.out, [...at, "out"]),
    }];
  });
  return {
    path,
    document: task,
    ...(id !== undefined && { id }),
    ...(type !== undefined && { type, kind: kindOf(type) }),
    meta: flattenMeta(task.meta, { path: [...path, "meta"], report }),
    outputs: [main, ...sides],
  };
}

function schemaOf(value: unknown, path: Path, options: DraftOptions): unknown {
  if (value === undefined) return undefined;
  const { report, checkSchema } = options;
  return readRecordSchema(value, { path, report, ...(checkSchema && { check: checkSchema }) });
}

function consumersOf(out: readonly (string | undefined)[] | undefined, path: Path) {
  return (out ?? []).flatMap((id, index) =>
    id === undefined ? [] : [{ id, path: [...path, index] }]
  );
}
