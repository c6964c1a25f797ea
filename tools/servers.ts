import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { Commands } from "./process.ts";
import {
  cachedPath,
  type Environment,
  findProgram,
  findServer,
  SERVER_BINARIES,
  SERVER_NAMES,
  type ServerName,
} from "./server_binaries.ts";

const BUILD_LIMIT_MS = 20 * 60_000;
/** Where Go's own installer puts it. */
const GO_FOLDERS = ["/usr/local/go/bin"];

export interface PreparedServer {
  readonly name: ServerName;
  readonly path?: string;
  /** Why there is none, and what to do. */
  readonly problem?: string;
}

export interface PrepareOptions {
  commands: Commands;
  say: (line: string) => void;
  /** @default process.env */
  env?: Environment;
  /** Where to look for Go beside PATH. @default ["/usr/local/go/bin"] */
  goFolders?: readonly string[];
}

/**
 * Sees to it that the servers are there: found, copied from PATH if the version is the right one, or built by Go.
 * Several processes may do so at once: a file gets its name only when it is complete.
 */
export async function prepareServers(
  names: readonly ServerName[],
  options: PrepareOptions,
): Promise<PreparedServer[]> {
  const servers: PreparedServer[] = [];
  for (const name of names) servers.push(await prepareServer(name, options));
  return servers;
}

async function prepareServer(
  name: ServerName,
  { commands, say, env = process.env, goFolders = GO_FOLDERS }: PrepareOptions,
): Promise<PreparedServer> {
  const found = findServer(name, env);
  if (found) return { name, path: found };

  const { program, version, module, purpose } = SERVER_BINARIES[name];
  const target = cachedPath(name, env);
  const go = findProgram("go", env, goFolders);
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(join(dirname(target), ".building-"));
  try {
    const onPath = findProgram(program, env);
    if (onPath && await hasVersion(onPath, { version, go, commands })) {
      await copyFile(onPath, join(folder, program));
    } else if (go) {
      say(`Building ${program} ${version} with Go, once; it is kept in ${dirname(target)}`);
      const built = await commands.run(go, ["install", `${module}@${version}`], {
        env: { GOBIN: folder },
        timeoutMs: BUILD_LIMIT_MS,
      });
      if (built.status !== 0) {
        const reason = built.timedOut
          ? `no end after ${BUILD_LIMIT_MS / 60_000} minutes`
          : built.output;
        return {
          name,
          problem: `Cannot build ${program} ${version} for ${purpose}: ${reason.trim()}`,
        };
      }
    } else {
      return {
        name,
        problem: `Cannot find ${program} ${version} for ${purpose}, nor Go to build it: ` +
          `install Go 1.26 or newer (https://go.dev/dl) and type "npm run servers", ` +
          `or put the program as "${name}" into a folder and name that folder in KFLOW_TEST_BIN_DIR`,
      };
    }
    await chmod(join(folder, program), 0o755);
    await rename(join(folder, program), target);
    return { name, path: target };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether a program is exactly of this version, by its build information or else by what it says of itself. */
async function hasVersion(
  path: string,
  { version, go, commands }: { version: string; go?: string; commands: Commands },
): Promise<boolean> {
  if (go) {
    const { output } = await commands.run(go, ["version", "-m", path], { timeoutMs: 10_000 });
    if (/^\s*mod\s/m.test(output)) {
      return output.split("\n").some((line) =>
        /^\s*mod\s/.test(line) && line.split(/\s+/).includes(version)
      );
    }
  }
  const { output } = await commands.run(path, ["--version"], { timeoutMs: 10_000 });
  return output.split(/\s+/).includes(version);
}

if (import.meta.main) {
  const commands = new Commands();
  commands.endWithSignals();
  const say = (line: string) => console.log(line);
  const servers = await prepareServers(SERVER_NAMES, { commands, say });
  for (const { name, path, problem } of servers) say(problem ?? `${name}: ${path}`);
  process.exit(servers.some(({ problem }) => problem !== undefined) ? 1 : 0);
}
