import { FlowFolder } from "../support/commands/flow_folder.ts";

/** Schema of a numbered record. */
export const NUMBER = '{"type":"record","name":"number","fields":[{"name":"n","type":"int"}]}';

/** A folder with `make.ts`, which makes so many records numbered from 0, and with these files. */
export async function numbersFolder(
  count: number,
  files: Readonly<Record<string, string>>,
): Promise<FlowFolder> {
  const folder = await FlowFolder.make();
  const all = {
    "make.ts": `export default Array.from({ length: ${count} }, (_, n) => ({ n }));\n`,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) await folder.write(name, text);
  return folder;
}

/** A flow that hands numbers through `work.ts`, four at once. @param meta More of that task. @param end Of the one after it. */
export function workPipeline(id: string, meta: string, { end = "" } = {}): string {
  return `
mode: batch
name: ${id}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${NUMBER}', out: [work]}
  - {id: work, type: raw, module: ./work.ts, schema: '${NUMBER}', out: [end], meta: {concurrency: 4, ${meta}}}
  - {id: end, type: print, meta: {${end}}}
`;
}
