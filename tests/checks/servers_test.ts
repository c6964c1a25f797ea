import { after, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Commands } from "../../tools/process.ts";
import {
  cachedPath,
  findServer,
  SERVER_BINARIES,
  type ServerName,
} from "../../tools/server_binaries.ts";
import { type PreparedServer, prepareServers } from "../../tools/servers.ts";

describe("prepareServers", () => {
  const folder = mkdtempSync(join(tmpdir(), "kflow-servers-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const bin = join(folder, "bin");
  const env = { XDG_CACHE_HOME: join(folder, "cache"), PATH: bin };
  let said: string[] = [];

  beforeEach(() => {
    for (const name of ["bin", "cache"]) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
    mkdirSync(bin, { recursive: true });
    said = [];
  });

  function program(name: string, script: string): void {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }

  /** Builds a program that holds the words of the command line. */
  function fakeGo(): void {
    program("go", '[ "$1" = install ] && /bin/sleep 0.2 && echo "$@" > "$GOBIN/nats-server"');
  }

  async function prepare(name: ServerName = "nats-server"): Promise<PreparedServer> {
    const options = {
      commands: new Commands(),
      say: (line: string) => said.push(line),
      env,
      goFolders: [],
    };
    const [server] = await prepareServers([name], options);
    assert.ok(server);
    return server;
  }

  const { version } = SERVER_BINARIES["nats-server"];

  it("says what is missing and what to do when there is no Go", async () => {
    const { path, problem } = await prepare();
    assert.equal(path, undefined);
    assert.match(
      problem ?? "",
      /Cannot get nats-server v[\d.]+ for tests on NATS JetStream: there is no Go/,
    );
    assert.match(problem ?? "", /install Go .*npm run servers.*KFLOW_TEST_BIN_DIR/);
  });

  it("builds with Go, once, and keeps the version in the name", async () => {
    fakeGo();
    const { path } = await prepare();
    assert.equal(path, cachedPath("nats-server", env));
    assert.ok(path?.endsWith(`nats-server@${version}`));
    assert.equal(
      readFileSync(path, "utf8"),
      `install ${SERVER_BINARIES["nats-server"].module}@${version}\n`,
    );
    assert.equal(said.length, 1);
    assert.equal((await prepare()).path, path);
    assert.equal(said.length, 1);
  });

  it("leaves one whole program and nothing else when several build at once", async () => {
    fakeGo();
    const servers = await Promise.all([prepare(), prepare(), prepare()]);
    assert.equal(new Set(servers.map(({ path }) => path)).size, 1);
    assert.deepEqual(readdirSync(join(folder, "cache", "kflow-test", "bin")), [
      `nats-server@${version}`,
    ]);
  });

  it("tells what Go said when it cannot build", async () => {
    program("go", "echo no such module >&2; exit 1");
    assert.match((await prepare()).problem ?? "", /Cannot get nats-server .*: no such module$/);
    assert.equal(findServer("nats-server", env), undefined);
  });

  it("takes a program on PATH of the right version", async () => {
    program("nats-server", `echo "nats-server: ${version}"`);
    assert.equal((await prepare()).path, cachedPath("nats-server", env));
    assert.deepEqual(said, []);
  });

  it("does not take a program on PATH of another version", async () => {
    program("nats-server", `echo "nats-server: ${version}-beta"`);
    assert.match((await prepare()).problem ?? "", /there is no Go/);
  });

  /** Unpacks a program that holds the words of the command line. */
  function fakeDpkg(): void {
    program("dpkg-deb", '/bin/mkdir -p "$3/usr/bin" && echo "$1" > "$3/usr/bin/promtool"');
  }

  it("takes a program out of its Debian package, once", async () => {
    program("apt-get", '[ "$*" = "download prometheus" ] && echo > prometheus_2.42_amd64.deb');
    fakeDpkg();
    const { path } = await prepare("promtool");
    assert.equal(path, cachedPath("promtool", env));
    assert.equal(readFileSync(path, "utf8"), "-x\n");
    assert.equal((await prepare("promtool")).path, path);
    assert.equal(said.length, 1);
    assert.deepEqual(readdirSync(join(folder, "cache", "kflow-test", "bin")), ["promtool@2"]);
  });

  it("fetches lists of its own where the machine has none", async () => {
    program(
      "apt-get",
      `for last; do :; done
case "$*" in
  download*) echo "Unable to locate package"; exit 100 ;;
  *update) echo > updated ;;
  *"download prometheus") [ -f updated ] && echo > prometheus_2.42_amd64.deb ;;
esac`,
    );
    fakeDpkg();
    assert.equal((await prepare("promtool")).path, cachedPath("promtool", env));
  });

  it("tells what apt said when there is no such package, and what to do without apt", async () => {
    program("apt-get", 'echo "cannot $*"; exit 100');
    fakeDpkg();
    const { problem } = await prepare("promtool");
    assert.match(
      problem ?? "",
      /Cannot get promtool 2 for tests of metrics .*: cannot download prom.*cannot .* update/s,
    );
    rmSync(join(bin, "apt-get"));
    assert.match(
      (await prepare("promtool")).problem ?? "",
      /no apt-get to get it with: install prometheus 2 and type "npm run servers".*KFLOW_TEST_BIN_DIR/,
    );
  });

  it("takes a promtool on PATH of the right major version", async () => {
    program("promtool", 'echo "promtool, version 1.8.2"');
    assert.match((await prepare("promtool")).problem ?? "", /no apt-get/);
    program("promtool", 'echo "promtool, version 2.55.1 (branch: x)"');
    assert.equal((await prepare("promtool")).path, cachedPath("promtool", env));
    assert.deepEqual(said, []);
  });

  it("takes what KFLOW_TEST_BIN_DIR holds as it is", () => {
    program("minio", "exit 0");
    assert.equal(findServer("minio", { ...env, KFLOW_TEST_BIN_DIR: bin }), join(bin, "minio"));
    assert.equal(findServer("minio", env), undefined);
  });
});
