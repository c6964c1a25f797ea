import * as fs from "node:fs/promises";
import type { OpenedFile } from "../../../src/host.ts";
import { fileContent } from "./file_content.ts";
import { codeOf } from "./node_files_error.ts";

/** As `Host.openFile` says. */
export async function openFile(path: string): Promise<OpenedFile> {
  try {
    // Opening anything but a file could block (a named pipe) or have effects (a device).
    if (!(await fs.stat(path)).isFile()) throw new Error("EISDIR");
    const file = await fs.open(path);
    try {
      return { size: (await file.stat()).size, body: fileContent(file) };
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw new Error(error instanceof Error ? codeOfAny(error) : String(error), { cause: error });
  }
}

function codeOfAny(error: Error): string {
  const code = codeOf(error);
  return code === undefined || code === "Error" ? error.message : code;
}
