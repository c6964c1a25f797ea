import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
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
  type ServerBinary,
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
 * Sees to it that the servers are there: found, copied from PATH if the version is the right one, or made by Go, apt, Maven or pip.
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

  const server: ServerBinary = SERVER_BINARIES[name];
  const { program, version, purpose, kind } = server;
  const target = cachedPath(name, env);
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(join(dirname(target), ".building-"));
  try {
    const build = { server, name, folder, commands, say, env, goFolders, kept: dirname(target) };
    const make = {
      go: buildProgram,
      debian: unpackProgram,
      maven: makeFolder,
      python: makeFolder,
      "base-image": makeBase,
    };
    const { problem } = await make[kind](build);
    if (problem !== undefined) {
      return { name, problem: `Cannot get ${program} ${version} for ${purpose}: ${problem}` };
    }
    const made = kind === "go" || kind === "debian" ? join(folder, program) : folder;
    await chmod(made, 0o755);
    await rename(made, target).catch((error) => {
      // Another process was faster.
      if (!findServer(name, env)) throw error;
    });
    return { name, path: target };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Build {
  readonly server: ServerBinary;
  readonly name: string;
  /** Where to put it. */
  readonly folder: string;
  readonly commands: Commands;
  readonly say: (line: string) => void;
  readonly env: Environment;
  readonly goFolders: readonly string[];
  readonly kept: string;
}

interface Built {
  /** Why it could not be made, and what to do. */
  readonly problem?: string;
}

async function buildProgram(build: Build): Promise<Built> {
  const { server, name, folder, commands, say, env, goFolders, kept } = build;
  const { program, version, module } = server;
  const go = findProgram("go", env, goFolders);
  const onPath = findProgram(program, env);
  if (onPath && await hasVersion(onPath, { version, go, commands })) {
    await copyFile(onPath, join(folder, program));
    return {};
  }
  if (go === undefined) {
    return {
      problem: `there is no Go to build it: ` +
        `install Go 1.26 or newer (https://go.dev/dl) and type "npm run servers", ` +
        `or put the program as "${name}" into a folder and name that folder in KFLOW_TEST_BIN_DIR`,
    };
  }
  say(`Building ${program} ${version} with Go, once; it is kept in ${kept}`);
  return await run(commands, go, ["install", `${module}@${version}`], { GOBIN: folder });
}

/** Takes a program or a library out of its Debian package, for which nobody has to be root and nothing is installed. */
async function unpackProgram(build: Build): Promise<Built> {
  const { server, name, folder, commands, say, env, kept } = build;
  const { program, version, module } = server;
  const onPath = findProgram(program, env);
  if (onPath !== undefined) {
    const { output } = await commands.run(onPath, ["--version"], { timeoutMs: 10_000 });
    if (new RegExp(`\\b${version}\\.\\d`).test(output)) {
      await copyFile(onPath, join(folder, program));
      return {};
    }
  }
  const apt = findProgram("apt-get", env);
  const dpkg = findProgram("dpkg-deb", env);
  if (apt === undefined || dpkg === undefined) {
    return {
      problem:
        `there is none on PATH and no apt-get to get it with: install ${module} ${version} and type ` +
        `"npm run servers", or put the program as "${name}" into a folder and name that folder in KFLOW_TEST_BIN_DIR`,
    };
  }
  say(`Fetching ${program} ${version} from Debian, once; it is kept in ${kept}`);
  const options = { cwd: folder, timeoutMs: BUILD_LIMIT_MS };
  const own = ["State/lists/partial", "Cache/archives/partial"].map((path) => join(folder, path));
  for (const path of own) await mkdir(path, { recursive: true });
  const places = [`Dir::State=${join(folder, "State")}`, `Dir::Cache=${join(folder, "Cache")}`];
  const ownLists = [...places, "Debug::NoLocking=true"].flatMap((option) => ["-o", option]);
  let { status, output } = await commands.run(apt, ["download", module], options);
  if (status !== 0) {
    // The machine has no lists of packages, or old ones.
    const updated = await commands.run(apt, [...ownLists, "update"], options);
    const again = await commands.run(apt, [...ownLists, "download", module], options);
    status = again.status;
    output += updated.output + again.output;
  }
  const file = (await readdir(folder)).find((each) => each.endsWith(".deb"));
  if (status !== 0 || file === undefined) return { problem: output.trim() };
  const contents = join(folder, "contents");
  const unpacked = await run(commands, dpkg, ["-x", join(folder, file), contents]);
  if (unpacked.problem !== undefined) return unpacked;
  const files = await readdir(join(contents, "usr"), { recursive: true, withFileTypes: true });
  const found = files.find((each) =>
    each.isFile() && each.name === program && /\/usr\/(bin|lib)\b/.test(each.parentPath)
  );
  if (found === undefined) return { problem: `package ${module} has no ${program}` };
  await copyFile(join(found.parentPath, program), join(folder, program));
  return {};
}

/** Jars with all that they need, or a Python environment with one package. */
async function makeFolder(build: Build): Promise<Built> {
  const { server, folder, commands, say, env, kept } = build;
  const { kind, module, version, program } = server;
  const maker = kind === "maven" ? "mvn" : "python3";
  const path = findProgram(maker, env);
  if (path === undefined || (kind === "maven" && findProgram("java", env) === undefined)) {
    const wanted = kind === "maven" ? "Java 17 or newer with Maven" : "Python 3.9 or newer";
    return { problem: `there is no ${wanted}: install it and type "npm run servers"` };
  }
  say(`Fetching ${program} ${version}, once; it is kept in ${kept}`);
  if (kind === "maven") {
    await writeFile(join(folder, "pom.xml"), pomOf(module, version));
    const copy = ["dependency:copy-dependencies", `-DoutputDirectory=${join(folder, "lib")}`];
    return await run(commands, path, ["-q", "-B", "-f", join(folder, "pom.xml"), ...copy]);
  }
  // Not a virtual environment: that could not be moved to its final name.
  const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  return await run(commands, path, [...args, "--target", folder, `${module}==${version}`]);
}

/** A minimal Debian as one archive, `base.tar`. */
async function makeBase(build: Build): Promise<Built> {
  const { server, folder, commands, say, env, kept } = build;
  const debootstrap = findProgram("debootstrap", env, ["/usr/sbin"]);
  if (debootstrap === undefined || findProgram("buildah", env) === undefined) {
    const remedy =
      'install both ("apt-get install buildah debootstrap") and type "npm run servers"';
    return { problem: `there is no debootstrap or no buildah: ${remedy}` };
  }
  if (process.getuid?.() !== 0) return { problem: "only root can make and run one here" };
  say(`Fetching a minimal Debian ${server.module}, once; it is kept in ${kept}`);
  const root = join(folder, "root");
  const options = ["--variant=minbase", "--include=ca-certificates"];
  const made = await run(commands, debootstrap, [...options, server.module, root]);
  if (made.problem !== undefined) return made;
  const archive = join(folder, "base.tar");
  const packed = await run(commands, "tar", ["-C", root, "-cf", archive, "."]);
  await rm(root, { recursive: true, force: true });
  return packed;
}

async function run(
  commands: Commands,
  command: string,
  args: readonly string[],
  env?: Record<string, string>,
): Promise<Built> {
  const { status, timedOut, output } = await commands.run(command, args, {
    env,
    timeoutMs: BUILD_LIMIT_MS,
  });
  if (status === 0) return {};
  return { problem: timedOut ? `no end after ${BUILD_LIMIT_MS / 60_000} minutes` : output.trim() };
}

function pomOf(module: string, version: string): string {
  const [group, artifact] = module.split(":");
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kflow</groupId><artifactId>test-server</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>
  </dependencies>
</project>
`;
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
