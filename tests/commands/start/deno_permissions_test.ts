import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CELSIUS_MODULE } from "../../support/commands/celsius_module.ts";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { onServers } from "../../support/commands/on_servers.ts";

const SLOW = { timeout: 120_000 };
const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** A command line of the page, taken apart. */
interface Documented {
  readonly deno: readonly string[];
  readonly permissions: readonly string[];
  readonly main: string;
  readonly args: readonly string[];
}

const page = await readFile(join(ROOT, "docs/run/deno-permissions.md"), "utf8");
const LINES = page.split("\n").filter((line) => line.startsWith("deno "));

/** The one line of the page that fits, with what stands for the user's own put in its place. */
function documented(pattern: RegExp, places: Readonly<Record<string, string>>): Documented {
  const found = LINES.filter((line) => pattern.test(line));
  assert.equal(found.length, 1, `${found.length} lines with ${pattern}`);
  let line = found[0]!;
  for (const [name, place] of Object.entries(places)) line = line.replaceAll(name, place);
  const [, verb, ...words] = line.split(" ");
  const at = words.findIndex((word) => word.endsWith(".ts"));
  const options = words.slice(0, at);
  const permissions = options.filter((word) => /^--(allow-|no-prompt)/.test(word));
  const others = options.filter((word) => !permissions.includes(word));
  return {
    deno: [verb!, ...others],
    permissions,
    main: words[at]!,
    args: words.slice(at + 1),
  };
}

/** Always on Deno, whatever runs the test. */
function start(
  kflow: CommandLine,
  { deno, permissions, main, args }: Documented,
  env: Readonly<Record<string, string>> = {},
): Command {
  return kflow.start(args, { runtime: "deno", deno, permissions, main, env, cwd: ROOT });
}

/** The command lines with one value less of one permission. */
function* lacking(line: Documented): Iterable<{ flag: string; value: string; line: Documented }> {
  for (const [at, permission] of line.permissions.entries()) {
    const [flag = "", list] = permission.split("=");
    if (list === undefined) continue;
    for (const value of list.split(",")) {
      const rest = list.split(",").filter((each) => each !== value);
      const less = rest.length > 0 ? [`${flag}=${rest.join(",")}`] : [];
      yield {
        ...{ flag, value },
        line: { ...line, permissions: line.permissions.toSpliced(at, 1, ...less) },
      };
    }
  }
}

async function isRefused(kflow: CommandLine, line: Documented, env?: Record<string, string>) {
  for (const { flag, value, line: less } of lacking(line)) {
    const { status, stderr } = await start(kflow, less, env).end();
    assert.equal(status, 2, `without ${flag}=${value}: ${stderr}`);
    assert.match(stderr, new RegExp(`Deno does not permit .*${flag}\\b`), value);
    assert.doesNotMatch(stderr, /^\s+at /m, value);
  }
}

/** Outside of /tmp, which the documented sets permit by itself. */
async function makeFolder(example: string): Promise<FlowFolder> {
  return await FlowFolder.make(example, await realpath("/var/tmp"));
}

describe("the permissions of Deno that the documents name", () => {
  const kflow = new CommandLine();
  const folders: FlowFolder[] = [];
  after(async () => {
    await kflow.endAll();
    for (const folder of folders) await folder.remove();
  });

  async function make(example: string): Promise<FlowFolder> {
    const folder = await makeFolder(example);
    folders.push(folder);
    return folder;
  }

  it("are no more than there are tests for", () => assert.equal(LINES.length, 6));

  it("suffice for run on folders, and one less is refused with the flag", SLOW, async () => {
    const folder = await make("quickstart");
    const line = documented(/ run FOLDER/, { FOLDER: folder.path });
    await isRefused(kflow, line);
    assert.equal((await folder.files("data/results")).size, 0);
    const { status, stdout, stderr } = await start(kflow, line).end();
    assert.equal(status, 0, stderr);
    assert.match(stdout, /: finished in /);
    assert.equal((await folder.files("data/results")).size, 32);
  });

  it("suffice for validate and graph, and one less is refused with the flag", SLOW, async () => {
    const folder = await make("quickstart");
    const line = documented(/ validate FOLDER/, { FOLDER: folder.path });
    await isRefused(kflow, line);
    const { status, stdout, stderr } = await start(kflow, line).end();
    assert.equal(status, 0, stderr);
    assert.match(stdout, / is valid: 3 tasks, 2 edges, batch\n$/);
    const args = line.args.map((each) => each === "validate" ? "graph" : each);
    assert.equal((await start(kflow, { ...line, args }).end()).status, 0);
  });

  it("suffice for a function that imports an npm package", SLOW, async () => {
    const folder = await make("quickstart");
    await folder.write(
      "npm.ts",
      `import { parse } from "npm:yaml@2.9.1";
      export default ({ bucket, key }) =>
        parse(JSON.stringify({ bucket, key, mediaType: "", size: 1, sha256: "", lines: null, words: null, width: null, height: null }));`,
    );
    const line = documented(/ run FOLDER/, { FOLDER: folder.path });
    const args = [...line.args, "--module", `describe=${folder.file("npm.ts")}`];
    const { status, stdout, stderr } = await start(kflow, { ...line, args }).end();
    assert.equal(status, 0, stderr);
    assert.match(stdout, /describe +32 +32 +0 /);
  });

  it(
    "suffice for an isolated function with kflow's folder, and without it are refused",
    SLOW,
    async () => {
      const folder = await make("quickstart");
      await folder.write(
        "lengths.ts",
        `export default ({ bucket, key }) =>
        ({ bucket, key, mediaType: "", size: key.length, sha256: "", lines: null, words: null, width: null, height: null });`,
      );
      const settings = { module: folder.file("lengths.ts"), "meta.isolate": true };
      const args = Object.entries({ ...settings, "globalConfig.store.autoDownload": false })
        .flatMap(([path, value]) => ["--set", `dag.describe.${path}=${value}`]);
      // Without /tmp, which a clone may be in and which only downloads need.
      const line = documented(/ run FOLDER/, { FOLDER: folder.path, ",/tmp": "" });
      const isolated = { ...line, args: [...line.args, ...args] };
      const refused = await start(kflow, isolated).end();
      assert.equal(refused.status, 2, refused.stderr);
      const flag = `Deno does not permit what it needs: --allow-read=${ROOT};`;
      assert.ok(refused.stderr.includes(flag), refused.stderr);
      const permissions = line.permissions.map((each) =>
        each.startsWith("--allow-read=") ? `${each},${ROOT}` : each
      );
      const { status, stdout, stderr } = await start(kflow, { ...isolated, permissions }).end();
      assert.equal(status, 0, stderr);
      assert.match(stdout, /describe +32 +32 +0 /);
    },
  );

  it("that are missing are all named at once", SLOW, async () => {
    const folder = await make("quickstart");
    const { args, ...line } = documented(/ run FOLDER/, { FOLDER: folder.path });
    await folder.write(
      "servers.yaml",
      `mode: batch
metrics: {enabled: true}
globalConfig:
  store: {addr: "file:./data"}
  sideStream: {enabled: true, addr: "nats://errors", errorTopics: e.e}
dag:
  - {id: list, type: fs-source, topics: s3a://docs, out: [store]}
  - {id: store, type: elastic-sink, addr: "https://index", topics: docs}
`,
    );
    const file = folder.file("servers.yaml");
    const { status, stderr } = await start(kflow, { ...line, args: [args[0]!, file] }, {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
    }).end();
    assert.equal(status, 2, stderr);
    const [, flags = ""] = /does not permit what it needs: --allow-net=(\S+); /.exec(stderr) ?? [];
    assert.deepEqual(flags.split(",").sort(), [
      "0.0.0.0:9002",
      "collector:4318",
      "errors:4222",
      "index:443",
    ]);
  });

  it("suffice for serve, and one less is refused with the flag", SLOW, async () => {
    const folder = await make("http");
    await folder.write("celsius.ts", CELSIUS_MODULE);
    const port = await freePort();
    const line = documented(/ serve FOLDER/, { FOLDER: folder.path, "8080": String(port) });
    await isRefused(kflow, line);
    const server = start(kflow, line);
    await server.sees(/"Serving"/);
    assert.equal(await call(port), 200);
    server.signal("SIGTERM");
    const { status, stderr } = await server.end();
    assert.equal(status, 0, stderr);
  });

  it("suffice for deno serve with createHandler", SLOW, async () => {
    const port = await freePort();
    const line = documented(/^deno serve /, { "8080": String(port) });
    const server = start(kflow, line);
    await server.sees(/Listening on /);
    assert.equal(await call(port), 200, server.output);
    server.signal("SIGTERM");
    await server.end();
    for (const { flag, value, line: less } of lacking(line)) {
      const lame = start(kflow, less);
      const isUp = await lame.sees(/Listening on /).then(() => true, () => false);
      if (isUp) assert.equal(await call(port), 500, `without ${flag}=${value}`);
      await lame.kill();
    }
  });

  async function call(port: number): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${port}/tasks/celsius`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ station: "hill", fahrenheit: 212 }),
    });
    await answer.body?.cancel();
    return answer.status;
  }
});

onServers("the permissions of Deno that the documents name, for workers", (given) => {
  let folder: FlowFolder;
  before(async () => {
    folder = await makeFolder("quickstart");
  });
  after(() => folder?.remove());

  for (const [way, nats] of [["ws", "nats:8080"], ["tcp", "nats:4222"]] as const) {
    it(`suffice over ${way}, and one less is refused with the flag`, SLOW, async () => {
      const { servers, kflow } = given;
      await servers.makeBuckets(`docs-${way}`, `results-${way}`);
      await servers.put(`docs-${way}`, await folder.files("data/docs"));
      const env: Record<string, string> = {
        ...servers.environment(way),
        KFLOW_FLOW_ID: `permissions-${way}`,
      };
      const hostOf = (url: string) => new URL(url).host;
      const line = documented(new RegExp(nats), {
        FOLDER: folder.path,
        [nats]: hostOf(env.KFLOW_NATS_ADDR!),
        "minio:9000": hostOf(env.KFLOW_STORE_ADDR!),
      });
      const set = [
        "--set",
        `dag.list.topics=s3a://docs-${way}`,
        "--set",
        `dag.store.topics=s3a://results-${way}`,
      ];
      const worker = (task: string): Documented => ({
        ...line,
        args: [...line.args.map((word) => word === "describe" ? task : word), ...set],
      });
      await isRefused(kflow, worker("describe"), env);
      const workers = ["list", "describe", "store"].map((task) => start(kflow, worker(task), env));
      for (const each of workers) {
        const { status, stderr } = await each.end();
        assert.equal(status, 0, stderr);
      }
      assert.equal((await servers.keys(`results-${way}`)).length, 32);
    });
  }

  it("make no command print a password", () => given.printedNoPassword());
});
