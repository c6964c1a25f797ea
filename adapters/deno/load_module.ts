import { fileURLToPath, pathToFileURL } from "node:url";
import { checkModuleText } from "../shared/modules/check_module_text.ts";
import { moduleMistake } from "../shared/modules/module_mistake.ts";

/** Loads a module of the user's by absolute path. `kflow` in it is the import map's, and so this very runtime; a Worker has the same map. */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  await checkModuleText(path);
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    throw placed(error);
  }
}

/** Deno's message: the mistake, a piece of the code, and the place at the end. */
const MISTAKE = /^(?:SyntaxError: )?([^\n]+?)(?:\n[^]*|) at (file:[^\n]+?):(\d+):(\d+)$/;

/** Puts the place first and leaves out the piece of code, which is no use in one line. */
function placed(error: unknown): unknown {
  if (!(error instanceof Error) || !/^(SyntaxError: |The requested module )/.test(error.message)) {
    return error;
  }
  const [, problem, url, line, column] = MISTAKE.exec(error.message) ?? [];
  if (problem === undefined) return error;
  const place = { file: fileURLToPath(url!), line: Number(line), column: Number(column) };
  return moduleMistake(place, problem);
}
