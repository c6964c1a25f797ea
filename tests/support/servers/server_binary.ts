import process from "node:process";
import {
  cachedPath,
  findServer,
  SERVER_BINARIES,
  type ServerName,
} from "../../../tools/server_binaries.ts";

/** Path of a server's program. @throws {Error} with the remedy if it is not there. */
export function serverBinary(name: ServerName): string {
  const path = findServer(name);
  if (path) return path;
  const { program, version } = SERVER_BINARIES[name];
  throw new Error(
    `Cannot find ${program} ${version} at "${
      cachedPath(name)
    }": type "npm run servers" to build it`,
  );
}

/**
 * For `describe(…, { skip: serverSkip("minio") }, …)`: false if the server is there, else the reason.
 * In CI it is always false, so that a missing server fails instead of hiding.
 */
export function serverSkip(...names: ServerName[]): string | false {
  if (process.env.CI === "true") return false;
  const missing = names.filter((name) => !findServer(name));
  return missing.length > 0 && `no ${missing.join(", ")}: type "npm run servers"`;
}
