import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { copyFile, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildBinary } from "../../../tools/build_binary.ts";
import { Commands } from "../../../tools/process.ts";
import { allEndWell } from "../../support/commands/all_end_well.ts";
import { eventually } from "../../support/waiting.ts";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { Images } from "../../support/commands/images.ts";
import { resultsIn } from "../../support/commands/quickstart.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { TestServers } from "../../support/servers/test_servers.ts";

const SLOW = { timeout: 180_000 };
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DOCUMENTS = 30;
const PATH = process.env.PATH!;
/** Buildah hands on what a program prints, and does not wait for that when the program has ended: it may be lost. */
const BUILDER_ALONE = /^subprocess exited with status 2\nError: exit status 2\n$/;

describe("the container image", { skip: serverSkip("debian", "nats-server", "minio") }, () => {
  const kflow = new CommandLine();
  let servers: TestServers;
  let images: Images;
  let secrets: FlowFolder;
  /** Of the image of `examples/container`, which is built on kflow's. */
  let container: string;

  before(async () => {
    images = await Images.make();
    const context = await FlowFolder.make();
    await buildBinary(context.file("dist/kflow"), new Commands());
    for (const name of ["Containerfile", ".containerignore"]) {
      await copyFile(join(ROOT, name), context.file(name));
    }
    await context.write("secret.txt", "of the machine that builds");
    await images.importBase("localhost/debian:bookworm-slim");
    const args = { BASE: "localhost/debian:bookworm-slim", VERSION: "1.2.3", COMMIT: "abc" };
    await images.build(context.path, "localhost/kflow", args);
    await context.remove();
    await images.build(join(ROOT, "examples/container"), "localhost/measures");
    container = await images.container("localhost/measures");

    servers = await TestServers.start();
    secrets = await FlowFolder.make();
    await secrets.write("store", `${servers.minio.password}\n`);
    const documents = Array.from({ length: DOCUMENTS }, (_, n) => {
      return [`${n}.txt`, new TextEncoder().encode("a line\n".repeat(n))] as const;
    });
    await servers.makeBuckets("documents");
    await servers.put("documents", new Map(documents));
  }, SLOW);
  after(async () => {
    await kflow.endAll();
    await servers?.stop();
    await secrets?.remove();
    await images?.remove();
  });

  /** A flow of its own, with a bucket for its results. */
  async function flow() {
    const id = `flow-${crypto.randomUUID().slice(0, 8)}`;
    const { KFLOW_STORE_PASSWORD: _, ...addresses } = servers.environment("tcp");
    const env: Record<string, string> = {
      ...addresses,
      KFLOW_STORE_PASSWORD_FILE: "/run/secrets/store",
      KFLOW_FLOW_ID: id,
    };
    const results = async () => {
      const objects = await servers.objects("measures");
      return [...objects.values()].map((body) => JSON.parse(new TextDecoder().decode(body)));
    };
    if (await servers.hasBucket("measures")) {
      for (const key of await servers.keys("measures")) await servers.store.delete("measures", key);
    } else {
      await servers.makeBuckets("measures");
    }
    return { env, results };
  }

  const expected = Array.from({ length: DOCUMENTS }, (_, n) => ({
    key: `${n}.txt`,
    size: 7 * n,
    lines: n,
  }));
  const byLines = (results: { lines: number }[]) => results.sort((a, b) => a.lines - b.lines);

  /** The image's own command, as its user, with the environment given. */
  function start(env: Record<string, string>, where = container): Command {
    const [program, ...before] = images.builder;
    const variables = Object.entries(env).map(([name, value]) => `--env=${name}=${value}`);
    const secret = `--volume=${secrets.file("store")}:/run/secrets/store:ro`;
    const own = ["/usr/local/bin/kflow", "worker"];
    return kflow.start(
      [...before, "run", "--isolation=chroot", secret, ...variables, where, "--", ...own],
      { binary: program, env: { PATH, HOME: secrets.path } },
    );
  }

  /** The processes of the image that work on a task of a flow. */
  async function processesOf(env: Record<string, string>, task: string): Promise<number[]> {
    const found: number[] = [];
    for (const pid of await readdir("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const [program, variables] = await Promise.all([
        readlink(`/proc/${pid}/exe`).catch(() => ""),
        readFile(`/proc/${pid}/environ`, "utf8").catch(() => ""),
      ]);
      const words = variables.split("\0");
      if (
        program.endsWith("/usr/local/bin/kflow") && words.includes(`KFLOW_TASK=${task}`) &&
        words.includes(`KFLOW_FLOW_ID=${env.KFLOW_FLOW_ID}`)
      ) found.push(Number(pid));
    }
    return found;
  }

  it(
    "has an unprivileged user, kflow, labels, and nothing of the machine that built it",
    SLOW,
    async () => {
      const format =
        "--format={{.OCIv1.Config.User}} {{.OCIv1.Config.WorkingDir}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}";
      const type = "--type=image";
      assert.equal(
        await images.buildah("inspect", type, format, "localhost/kflow"),
        "65532:65532 /app [/usr/local/bin/kflow] [worker]",
      );
      const labels = await images.buildah(
        "inspect",
        type,
        "--format={{.OCIv1.Config.Labels}}",
        "localhost/kflow",
      );
      assert.match(labels, /org\.opencontainers\.image\.revision:abc/);
      assert.match(labels, /org\.opencontainers\.image\.version:1\.2\.3/);
      const files = await images.buildah(
        ...[
          "run",
          "--isolation=chroot",
          container,
          "--",
          "find",
          "/app",
          "/usr/local",
          "-type",
          "f",
        ],
      );
      assert.deepEqual(files.split("\n").sort(), [
        "/app/measure.ts",
        "/app/pipeline.yaml",
        "/usr/local/bin/kflow",
        "/usr/local/share/doc/kflow/LICENSE",
        "/usr/local/share/doc/kflow/THIRD-PARTY.txt",
        "/usr/local/share/doc/kflow/kflow.cdx.json",
      ]);
      const who = await images.buildah("run", "--isolation=chroot", container, "--", "id", "-u");
      assert.equal(who, "65532");
    },
  );

  it("names the variables that it needs, with status 2", SLOW, async () => {
    let end = await start({}).end();
    for (let i = 0; i < 5 && BUILDER_ALONE.test(end.stderr); i++) end = await start({}).end();
    const { status, stderr } = end;
    assert.equal(status, 2);
    assert.match(stderr, /^environment KFLOW_TASK: it is needed to know the task to work on; /m);
    assert.doesNotMatch(stderr, /KFLOW_PIPELINE:/);
  });

  it(
    "is a worker of each task; one that gets SIGTERM in the middle ends with 143, and the next goes on",
    SLOW,
    async () => {
      const { env, results } = await flow();
      const store = start({ ...env, KFLOW_TASK: "store" });
      const first = start({ ...env, KFLOW_TASK: "measure", PAUSE_MS: "200" });
      const list = start({ ...env, KFLOW_TASK: "list" });
      await first.sees('"measured"', 3);
      const [worker] = await processesOf(env, "measure");
      process.kill(worker!, "SIGTERM");
      const { status, stderr } = await first.end(20_000);
      assert.equal(status, 143, stderr);
      assert.match(stderr, /"Worker has stopped"/);
      assert.ok((await results()).length < DOCUMENTS);

      const second = start({ ...env, KFLOW_TASK: "measure" });
      await allEndWell([list, second, store]);
      assert.deepEqual(byLines(await results()), expected);
      assert.deepEqual(await processesOf(env, "measure"), []);
    },
  );

  it("runs the quickstart to what its expected.json says", SLOW, async () => {
    const example = await FlowFolder.make("quickstart");
    await example.write(
      "Containerfile",
      "FROM localhost/kflow\nCOPY pipeline.yaml *.ts /app/\nENV KFLOW_PIPELINE=/app/pipeline.yaml\n",
    );
    await images.build(example.path, "localhost/quickstart");
    const quickstart = await images.container("localhost/quickstart");
    await servers.makeBuckets("docs", "results");
    await servers.put("docs", await example.files("data/docs"));
    const { env } = await flow();
    const tasks = ["store", "describe", "list"];
    const workers = tasks.map((task) => start({ ...env, KFLOW_TASK: task }, quickstart));
    for (const worker of workers) assert.equal((await worker.end()).status, 0, worker.stderr);
    const expected = JSON.parse(new TextDecoder().decode(await example.read("expected.json")));
    assert.deepEqual(resultsIn(await servers.objects("results")), expected);
    await images.buildah("rm", quickstart);
    await example.remove();
  });

  it("works as process 1 on a read-only root, and SIGTERM reaches it", SLOW, async () => {
    const { env, results } = await flow();
    const root = await images.buildah("mount", container);
    const inside = Object.entries({ ...env, KFLOW_TASK: "measure", PAUSE_MS: "200" })
      .map(([name, value]) => `'${name}=${value}'`).join(" ");
    const script = `set -e
      mount --bind ${root} ${root}
      touch ${root}/run/store && mount --bind ${secrets.file("store")} ${root}/run/store
      mount -o remount,bind,ro ${root}
      mount -t tmpfs tmpfs ${root}/tmp && mount -t proc proc ${root}/proc
      exec chroot --userspec=65532:65532 ${root} env -i ${inside} \\
        KFLOW_STORE_PASSWORD_FILE=/run/store KFLOW_PIPELINE=/app/pipeline.yaml /usr/local/bin/kflow worker`;
    const others = ["store", "list"].map((task) => start({ ...env, KFLOW_TASK: task }));
    const worker = kflow.start(
      ["--fork", "--pid", "--mount", "--kill-child", "sh", "-c", script],
      { binary: "unshare", env: { PATH } },
    );
    await worker.sees('"measured"', 3);
    const [pid] = await processesOf(env, "measure");
    const processes = await readFile(`/proc/${pid}/status`, "utf8");
    assert.match(processes, /^NSpid:\s+\d+\s+1$/m, "it is process 1 of its own");
    const mounts = await readFile(`/proc/${pid}/mountinfo`, "utf8");
    assert.match(mounts, / \/ ro,/, "its root is read-only");
    process.kill(pid!, "SIGTERM");
    const { status, stderr } = await worker.end(20_000);
    assert.equal(status, 143, stderr);
    assert.match(stderr, /"Worker has stopped"/);

    const second = start({ ...env, KFLOW_TASK: "measure" });
    for (const each of [...others, second]) assert.equal((await each.end()).status, 0, each.stderr);
    assert.deepEqual(byLines(await results()), expected);
    await eventually(async () => (await processesOf(env, "measure")).length === 0, "no process");
  });
});
