const SCHEMA = { type: "record", name: "number", fields: [{ name: "n", type: "int" }] };

/** The text of a pipeline: a source and so many tasks behind it, one behind the other. Modules lie in bench/start/. */
export function chain(tasks: number, options: { records: number; folder: string }): string {
  const { records, folder } = options;
  const names = Array.from({ length: tasks }, (_, i) => `task-${i + 1}`);
  const dag = [
    {
      id: "make",
      type: "raw-source",
      module: `${folder}/numbers.ts`,
      meta: { limit: records },
      schema: SCHEMA,
      out: names.slice(0, 1),
    },
    ...names.map((id, i) => ({
      id,
      type: "raw",
      module: `${folder}/pass_on.ts`,
      ...(i + 1 < tasks && { schema: SCHEMA, out: [names[i + 1]] }),
    })),
  ];
  return JSON.stringify({ name: "bench-tasks", mode: "batch", dag }, null, 2);
}
