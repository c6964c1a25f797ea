import { pathToFileURL } from "node:url";

/** Loads a module of the user's by absolute path. `kflow` in it is the import map's, and so this very runtime; a Worker has the same map. */
export function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  return import(pathToFileURL(path).href);
}
