import { reasonOf, StartError } from "../base/errors.ts";
import { firstNotUtf8 } from "../base/text/first_not_utf8.ts";
import type { StateFile } from "../broker/memory/state_file.ts";
import type { Files } from "../files/files.ts";
import type { Host } from "../host.ts";

const LINE_BREAK = 10;

/** @throws {StartError} with the remedy. */
export async function openStateFolder(host: Host, folder: string): Promise<Files> {
  try {
    return await host.files(folder);
  } catch (error) {
    const reason = reasonOf(error);
    throw new StartError(
      `Cannot use the state folder "${folder}": ${reason}; give another with KFLOW_STATE_DIR`,
      { cause: error },
    );
  }
}

/** The `StateFile` of a flow's embedded broker. @param open Opens the folder, when it is first needed. */
export function stateFileIn(
  folder: string,
  flow: string,
  open: () => Promise<Files>,
): StateFile {
  const path = `${flow}.json`;
  const changesPath = `${flow}.changes`;
  const encoder = new TextEncoder();
  const read = async (path: string, problemOf: (text: string) => string | undefined) => {
    const body = await (await open()).read(path);
    if (body === undefined) return undefined;
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    // What a killed process has begun to write may end within a character.
    const whole = path === changesPath
      ? bytes.subarray(0, bytes.lastIndexOf(LINE_BREAK) + 1)
      : bytes;
    const problem = notUtf8(whole) ?? problemOf(text);
    if (problem === undefined) return text;
    throw new StartError(
      `Cannot read the state file "${folder}/${path}": ${problem}; remove it to start anew`,
    );
  };
  const written = async (path: string, write: (files: Files) => Promise<unknown>) => {
    try {
      await write(await open());
    } catch (error) {
      const place = `state file "${folder}/${path}"`;
      throw new StartError(`Cannot write the ${place}: ${reasonOf(error)}`, { cause: error });
    }
  };
  return {
    load: () => read(path, problemOfState),
    async loadChanges() {
      return await read(changesPath, problemOfChanges) ?? "";
    },
    async save(text) {
      await written(path, (files) => files.write(path, encoder.encode(text)));
      await written(changesPath, (files) => files.remove(changesPath));
    },
    append: (changes) =>
      written(changesPath, (files) => files.append(changesPath, encoder.encode(changes))),
  };
}

/** Says where it is not UTF-8, as another program or a broken disk may leave it: ids in it would be those of nothing. */
function notUtf8(bytes: Uint8Array): string | undefined {
  const at = firstNotUtf8(bytes);
  return at === undefined ? undefined : `it is not UTF-8 at byte ${at}, counted from 0`;
}

/** Of a last line without an end a killed process has written a part: it does not count. */
function problemOfChanges(text: string): string | undefined {
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    try {
      const change: unknown = JSON.parse(line);
      if (Array.isArray(change) && change.every((part) => typeof part === "string")) continue;
    } catch {
      // Said below.
    }
    return `line ${index + 1} is not a change`;
  }
  return undefined;
}

function problemOfState(text: string): string | undefined {
  try {
    const state: unknown = JSON.parse(text);
    if (typeof state === "object" && state !== null && !Array.isArray(state)) return undefined;
    return "it is no JSON object";
  } catch (error) {
    return `it is no JSON (${reasonOf(error)})`;
  }
}
