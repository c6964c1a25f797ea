import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { reasonOf } from "../../../src/base/errors.ts";
import { decodeText } from "../node/decode_text.ts";

/** `from "./part.ts"`, `import "./part.ts"`, `import("./part.ts")`. */
const IMPORT = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"'\n]+)["']/g;
/** What Bun tries where a path has no extension. */
const ENDINGS = ["", ".ts", ".js"];

/**
 * Refuses a module, or one that it imports by a relative path, that is not UTF-8. Both runtimes would load it with replacement characters in its texts, and records with
 * wrong keys and values would come of it.
 * @param path Absolute. What cannot be read is left to the loader, which says so.
 */
export async function checkModuleText(path: string): Promise<void> {
  const seen = new Set<string>();
  const waiting = [path];
  for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
    if (seen.has(each)) continue;
    seen.add(each);
    const bytes = await readFile(each).catch(() => undefined);
    if (bytes === undefined) continue;
    const folder = dirname(each);
    for (const [, relative = ""] of textOf(each, bytes).matchAll(IMPORT)) {
      waiting.push(...ENDINGS.map((ending) => resolve(folder, relative + ending)));
    }
  }
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return decodeText(bytes);
  } catch (error) {
    const reason = reasonOf(error);
    // A text of a module may have a NUL character.
    if (/UTF-/.test(reason) && !reason.includes("NUL")) throw new Error(`${path}: ${reason}`);
    return new TextDecoder().decode(bytes);
  }
}
