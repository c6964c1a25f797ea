import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { formatFinding } from "../../src/base/errors.ts";
import { missingModules } from "../../src/pipeline/checking/graph/modules.ts";
import type { Plan } from "../../src/pipeline/plan/plan.ts";
import { S3_LIST_SCHEMA } from "../../src/pipeline/checking/record_schema.ts";
import { load, type LoadOptions } from "./support/load.ts";

const PASSWORD = "literal password; write ${NAME} and set it in the environment, or ${file:/path}";
const NO_DOT = 'has no dot; write stream.subject, such as "kflow-error.error"';

const EXPECTED: Record<string, string[]> = {
  "autodownload.yaml": [
    `autodownload.yaml:9:15 dag[0].password: ${PASSWORD}`,
    `autodownload.yaml:54:15 dag[2].password: ${PASSWORD}`,
  ],
  "elastic-bulk.yaml": [
    `elastic-bulk.yaml:8:15 dag[0].password: ${PASSWORD}`,
    `elastic-bulk.yaml:17:15 dag[1].password: ${PASSWORD}`,
  ],
  "overview.yaml": [
    `overview.yaml:8:15 globalConfig.store.password: ${PASSWORD}`,
    `overview.yaml:13:18 globalConfig.sideStream.errorTopics: error topic "topic1" ${NO_DOT}`,
    `overview.yaml:13:18 globalConfig.sideStream.errorTopics: error topic "topic2" ${NO_DOT}`,
  ],
  "side-outs.yaml": [],
  "side-stream.yaml": [`side-stream.yaml:13:15 dag[0].password: ${PASSWORD}`],
};

async function fixture(file: string, options: LoadOptions = {}) {
  const text = await readFile(new URL(`./fixtures/${file}`, import.meta.url), "utf8");
  return await load(text, { file, ...options });
}

async function planOf(file: string, options?: LoadOptions): Promise<Plan> {
  const { plan, errors } = await fixture(file, options);
  assert.deepEqual(errors, []);
  return plan!;
}

describe("the pipelines of the product document", () => {
  for (const [file, warnings] of Object.entries(EXPECTED)) {
    it(`${file} is right and has exactly the warnings it deserves`, async () => {
      const found = await fixture(file);
      assert.deepEqual(found.errors, []);
      assert.deepEqual(found.warnings, warnings);
    });
  }

  it("autodownload.yaml lists, downloads from where it listed, and stores", async () => {
    const plan = await planOf("autodownload.yaml");
    assert.equal(plan.mode, "streaming");
    assert.equal(plan.flowId, "autodownload");
    assert.deepEqual(plan.nats, { address: { kind: "embedded" } });
    const [list, demo, s3] = plan.tasks;
    assert.deepEqual(plan.tasks.map((task) => task.id), ["list-s3-bucket", "demo", "s3"]);
    assert.deepEqual(list!.bucket, { bucket: "docs", prefix: "" });
    assert.equal(list!.meta.getBoolean("checkpoint"), true);
    assert.deepEqual(demo!.inputs, [{ producer: "list-s3-bucket" }]);
    assert.equal(demo!.autoDownload, true);
    assert.equal(demo!.meta.getString("download.directory"), "/tmp/mydir");
    const endpoint = "http://minio.kosmos.svc.cluster.local:9000";
    for (const task of plan.tasks) {
      assert.deepEqual(task.store.address, { kind: "s3", endpoint });
      assert.equal(task.store.user, "minioadmin");
      assert.equal(task.store.password?.reveal(), "minioadmin");
    }
    assert.deepEqual(s3!.outputs, []);
    assert.equal(s3!.groupId, "autodownload-s3");
  });

  it("autodownload.yaml runs unchanged with addresses and a module from the command line", async () => {
    const plan = await planOf("autodownload.yaml", {
      set: ["dag.list-s3-bucket.addr=127.0.0.1:9001", "dag.s3.addr=http://127.0.0.1:9002"],
      modules: ["demo=./demo.ts"],
    });
    assert.deepEqual(plan.tasks.map((task) => task.store.address), [
      { kind: "s3", endpoint: "http://127.0.0.1:9001" },
      { kind: "s3", endpoint: "http://127.0.0.1:9001" },
      { kind: "s3", endpoint: "http://127.0.0.1:9002" },
    ]);
    assert.equal(plan.tasks[1]!.module, "/cwd/demo.ts");
    assert.deepEqual(missingModules(plan), []);
  });

  it("missingModules() names the task without code and both remedies", async () => {
    const plan = await planOf("side-outs.yaml");
    assert.deepEqual(missingModules(plan, ["forward"]).map(formatFinding), [
      'side-outs.yaml:12:5 dag[1]: raw task "forward" has no code to run; add module: ./forward.ts to it, or give --module forward=PATH',
    ]);
    assert.equal(missingModules(plan).length, 2);
    assert.deepEqual(missingModules(plan, ["print-main"]), []);
  });

  it("elastic-bulk.yaml gives the sink its address, index, group and bulk settings", async () => {
    const { tasks, mode } = await planOf("elastic-bulk.yaml");
    const elastic = tasks[1]!;
    assert.equal(mode, "batch");
    assert.equal(elastic.addr, "http://localhost:9200");
    assert.equal(elastic.topics, "basic-runtime-test");
    assert.equal(elastic.groupId, "kflow-basic-java-runtime");
    assert.equal(elastic.user, "myuser");
    assert.equal(elastic.password?.reveal(), "mypassword");
    assert.equal(elastic.meta.getInteger("bulk.flush.size"), 1000);
    assert.deepEqual(tasks[0]!.outputs, [{ schema: S3_LIST_SCHEMA, consumers: ["elastic"] }]);
  });

  it("overview.yaml merges the globalConfig into each task", async () => {
    const { tasks } = await planOf("overview.yaml");
    for (const task of tasks) {
      assert.deepEqual(task.store.address, {
        kind: "s3",
        endpoint: "http://192.168.100.237:32657",
      });
      assert.deepEqual(task.metrics, { enabled: true, port: 9002, required: false });
      assert.deepEqual(task.sideStream, {
        enabled: true,
        address: { kind: "tcp", url: "nats://192.168.100.237:32658" },
        errorTopics: ["topic1", "topic2"],
      });
    }
    // A source has nothing to download.
    assert.deepEqual(tasks.map((task) => task.autoDownload), [false, false]);
  });

  it("side-outs.yaml has a main output and a side out, each with its schema", async () => {
    const { tasks } = await planOf("side-outs.yaml");
    const forward = tasks.find((task) => task.id === "forward")!;
    assert.deepEqual(
      forward.outputs.map(({ sideOut, consumers }) => [sideOut, consumers]),
      [[undefined, ["print-main"]], ["mysideout", ["print-sideout"]]],
    );
    assert.equal((forward.outputs[1]!.schema as { name: string }).name, "demoside");
    const print = tasks.find((task) => task.id === "print-sideout")!;
    assert.deepEqual(print.inputs, [{
      producer: "forward",
      sideOut: "mysideout",
      ackWaitMs: 120_000,
    }]);
    assert.equal(tasks[0]!.partitionBy, "id");
    assert.equal(tasks[0]!.meta.getInteger("rate"), 1000);
  });

  it("side-stream.yaml keeps the dots of its keys and its prefix", async () => {
    const { tasks } = await planOf("side-stream.yaml");
    assert.deepEqual(tasks[0]!.bucket, { bucket: "bucket", prefix: "dir/subdir" });
    assert.equal(tasks[1]!.groupId, "process");
    assert.equal(tasks[1]!.meta.getInteger("max.poll.interval.ms"), 20000);
    assert.deepEqual(tasks[1]!.sideStream, {
      enabled: true,
      address: { kind: "tcp", url: "nats://natsjs.default.svc:4222" },
      errorTopics: ["kflow-error.error"],
    });
  });

  it("no password is in a plan that is printed", async () => {
    const plan = await planOf("elastic-bulk.yaml");
    assert.doesNotMatch(JSON.stringify(plan), /mypassword|"minioadmin".*"minioadmin"/);
  });
});
