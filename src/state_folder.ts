import { reasonOf, StartError } from "./errors.ts";
import type { Files } from "./files/files.ts";
import type { Host } from "./host.ts";

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
export function stateFileIn(folder: string, flow: string, open: () => Promise<Files>) {
  const path = `${flow}.json`;
  const place = `state file "${folder}/${path}"`;
  return {
    async load(): Promise<string | undefined> {
      const body = await (await open()).read(path);
      if (body === undefined) return undefined;
      const text = await new Response(body).text();
      const problem = problemOfState(text);
      if (problem === undefined) return text;
      throw new StartError(`Cannot read the ${place}: ${problem}; remove it to start anew`);
    },
    async save(text: string): Promise<void> {
      try {
        await (await open()).write(path, new TextEncoder().encode(text));
      } catch (error) {
        throw new StartError(`Cannot write the ${place}: ${reasonOf(error)}`, { cause: error });
      }
    },
  };
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
