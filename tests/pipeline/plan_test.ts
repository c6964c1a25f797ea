import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { toMermaid } from "../../src/pipeline/plan/mermaid.ts";
import { load, loadGood, type LoadOptions } from "./support/load.ts";
import { AB, base, withSink } from "./support/pipeline_text.ts";

async function flowId(options: LoadOptions, lines = ""): Promise<string> {
  return (await loadGood(base.under(lines).text, options)).flowId;
}

describe("a plan", () => {
  it("is streaming unless the mode says batch", async () => {
    assert.equal((await loadGood(base.text)).mode, "streaming");
    for (
      const [mode, meaning] of [["batch", "batch"], ["streaming", "streaming"], [
        "stream",
        "streaming",
      ]]
    ) {
      assert.equal((await loadGood(base.under(`mode: ${mode}\n`).text)).mode, meaning);
    }
  });

  it("has a flow id: from --set, else the environment, else the name, else the file's stem", async () => {
    const env = { KFLOW_FLOW_ID: "env" };
    assert.equal(await flowId({ env, set: ["name=set"] }, "name: written\n"), "set");
    assert.equal(await flowId({ env }, "name: written\n"), "env");
    assert.equal(await flowId({}, "name: written\n"), "written");
    assert.equal(await flowId({ file: "some/where/my flow.v2.yaml" }), "my-flow-v2");
    assert.equal(await flowId({ file: "-" }), "flow");
    assert.equal(await flowId({ file: `${"x".repeat(59)}.yml` }), "x".repeat(59));
  });

  it("has producers before consumers, else the order of the file", async () => {
    const text = `dag:
  - {id: end, type: print}
  - {id: b, type: raw, image: x, out: [join]}
  - {id: join, type: raw, image: x, out: [end]}
  - {id: a, type: raw, image: x, out: [join, end]}
  - {id: start, type: fs-source, addr: "memory:", topics: "s3a://docs", out: [b, a]}
`;
    const { tasks } = await loadGood(text);
    const ids = tasks.map((task) => task.id);
    for (const task of tasks) {
      for (const { producer } of task.inputs) {
        assert.ok(ids.indexOf(producer) < ids.indexOf(task.id), `${producer} before ${task.id}`);
      }
    }
    assert.deepEqual(
      tasks.find((task) => task.id === "join")!.inputs.map(({ producer }) => producer),
      ["b", "a"],
    );
    assert.deepEqual(tasks[0]!.outputs[0]!.consumers, ["b", "a"]);
  });

  it("gives every task the top-level parallelism, and each source one worker", async () => {
    const text = withSink("    parallelism: 7\n").under("parallelism: 4\n").text;
    const { tasks } = await loadGood(text);
    assert.deepEqual(
      Object.fromEntries(tasks.map((task) => [task.id, task.parallelism])),
      { list: 1, work: 4, s3: 7 },
    );
  });

  it("merges the globalConfig of a task field by field", async () => {
    const text = base.plus(`    globalConfig:
      store: {addr: "other:1", autoDownload: true}
      sideStream: {errorTopics: local.error}
      metrics: {port: 9100}
`).under(`metrics: {enabled: true, port: 1234}
globalConfig:
  store: {addr: "global:1", user: me, password: "\${P}"}
  sideStream: {enabled: true, addr: "u:p@side:4222", errorTopics: "a.b, c.d"}
  metrics: {port: 9002}
`).text;
    const { tasks } = await loadGood(text, { env: { P: "hunter2" } });
    const [list, work] = tasks;
    assert.deepEqual(work!.store.address, { kind: "s3", endpoint: "http://other:1" });
    assert.equal(work!.store.user, "me");
    assert.equal(work!.store.password?.reveal(), "hunter2");
    assert.equal(work!.autoDownload, true);
    assert.deepEqual(list!.metrics, { enabled: true, port: 9002, required: false });
    assert.deepEqual(work!.metrics, { enabled: true, port: 9100, required: false });
    assert.deepEqual(list!.sideStream.errorTopics, ["a.b", "c.d"]);
    assert.deepEqual(work!.sideStream.errorTopics, ["local.error"]);
    assert.deepEqual(work!.sideStream.address, { kind: "tcp", url: "nats://side:4222" });
    assert.equal(work!.sideStream.user, "u");
    assert.equal(work!.sideStream.password?.reveal(), "p");
  });

  it("fills what the file leaves out from the environment", async () => {
    const text = base.but("    addr: localhost:9000\n", "").text;
    const env = {
      KFLOW_STORE_ADDR: "env:9000",
      KFLOW_STORE_USER: "user",
      KFLOW_STORE_PASSWORD: "hunter2",
      KFLOW_NATS_ADDR: "wss://me:secret@nats",
    };
    const plan = await loadGood(text, { env });
    for (const { store } of plan.tasks) {
      assert.deepEqual(store.address, { kind: "s3", endpoint: "http://env:9000" });
      assert.equal(store.user, "user");
      assert.equal(store.password?.reveal(), "hunter2");
    }
    assert.deepEqual(plan.nats.address, { kind: "websocket", url: "wss://nats" });
    assert.equal(plan.nats.user, "me");
    assert.equal(plan.nats.password?.reveal(), "secret");
  });

  it("starts relative folders and modules at the pipeline's folder", async () => {
    const text = base.but("addr: localhost:9000", "addr: ${KFLOW_STORE_ADDR:-file:./data}")
      .plus("    module: ../lib/work.ts\n").text;
    const { tasks } = await loadGood(text);
    assert.deepEqual(tasks[0]!.store, { address: { kind: "directory", path: "/flows/data" } });
    assert.equal(tasks[1]!.module, "/lib/work.ts");
  });

  it("lets user code work on the store its records were listed in", async () => {
    const text = base.but("addr: localhost:9000", "addr: localhost:9000\n    user: me")
      .plus("    out: [next]\n  - {id: next, type: raw, image: x}\n").text;
    const { tasks } = await loadGood(text, { env: { KFLOW_STORE_USER: "env" } });
    for (const { store } of tasks) {
      assert.deepEqual(store.address, { kind: "s3", endpoint: "http://localhost:9000" });
      assert.equal(store.user, "me");
    }
  });

  it("must be told the store when records come from two", async () => {
    const text = base.plus(`    globalConfig: {store: {autoDownload: true}}
  - {id: other, type: fs-source, addr: "elsewhere:9000", topics: "s3a://docs", out: [work]}
`).text;
    assert.deepEqual((await load(text)).errors, [
      'p.yaml:7:5 dag[1].addr: "work" takes records from sources on different stores; set addr here, globalConfig.store.addr or KFLOW_STORE_ADDR',
    ]);
    await loadGood(text, { set: ["dag.work.addr=localhost:9000"] });
  });

  it("reads env as a mapping and as a list", async () => {
    for (
      const env of [
        "{A: x, N: 1, B: true}",
        "[{name: A, value: x}, {name: N, value: 1}, {name: B, value: true}]",
      ]
    ) {
      const { tasks } = await loadGood(base.plus(`    env: ${env}\n`).text);
      assert.deepEqual(tasks[1]!.env, { A: "x", N: "1", B: "true" });
    }
  });

  it("takes what belongs to containers as it is", async () => {
    const { errors, warnings } = await load(
      base.plus(
        "    imagePullPolicy: Always\n    sidecars: [{image: x}]\n    resources: {limits: {cpu: 1}}\n",
      ).text,
    );
    assert.deepEqual([errors, warnings], [[], []]);
  });

  it("has the format of a sink, beside its type or in meta", async () => {
    for (const lines of ["    format: ndjson\n", "    meta: {format: ndjson}\n"]) {
      const { tasks } = await loadGood(withSink(lines).text);
      assert.equal(tasks.find((task) => task.id === "s3")!.format, "ndjson");
    }
  });

  it("has the server of a nats-source", async () => {
    const text = `globalConfig: {nats: {addr: "nats://global"}}
dag:
  - {id: own, type: nats-source, addr: "nats://u:p@own", topics: kflow-error.error, schema: ${AB}, out: [p]}
  - {id: same, type: nats-source, topics: a.b.c, schema: ${AB}, out: [p]}
  - {id: p, type: print}
`;
    const { tasks } = await loadGood(text);
    const nats = (id: string) => tasks.find((task) => task.id === id)!.nats!;
    assert.deepEqual(nats("own").address, { kind: "tcp", url: "nats://own:4222" });
    assert.equal(nats("own").user, "u");
    assert.deepEqual(nats("same").address, { kind: "tcp", url: "nats://global:4222" });
  });

  it("accepts a schema that is YAML, recursive, or an fs-source's own", async () => {
    const plan = await loadGood(
      base.plus("    schema: {type: record, name: x, fields: [{name: a, type: x}]}\n").but(
        "type: fs-source",
        `type: fs-source
    schema:
      type: record
      name: mine
      fields:
        - {name: key, type: string}
        - {name: bucket, type: [string, "null"]}
        - {name: lastModifiedUnixMilli, type: {type: long, logicalType: timestamp-millis}}
        - {name: url, type: string}
        - {name: more, type: int, default: 0}`,
      ).text,
    );
    assert.equal((plan.tasks[0]!.outputs[0]!.schema as { name: string }).name, "mine");
  });

  it("reports what an injected check finds at the schema's place", async () => {
    const text = base.plus(`    schema: ${AB}\n`).text;
    const seen: unknown[] = [];
    const { errors } = await load(text, {
      checkSchema(schema) {
        seen.push(schema);
        return 'field "a": unknown type "strin"';
      },
    });
    assert.deepEqual(errors, ['p.yaml:10:13 dag[1].schema: field "a": unknown type "strin"']);
    assert.equal((seen[0] as { name: string }).name, "ab");
  });

  it("reads files with a byte order mark and with CRLF", async () => {
    await loadGood("\ufeff" + base.text.replaceAll("\n", "\r\n"));
    const { errors } = await load("\ufeff" + base.under("mod: x\n").text.replaceAll("\n", "\r\n"));
    assert.deepEqual(errors, ['p.yaml:1:1 mod: unknown key "mod"; did you mean "mode"?']);
  });

  it("reads anchors and aliases", async () => {
    const text = base.plus(
      "    schema: &s {type: record, name: x, fields: []}\n    out: [next]\n  - {id: next, type: raw, image: x, schema: *s}\n",
    ).text;
    const { tasks } = await loadGood(text);
    assert.deepEqual(tasks[2]!.outputs[0]!.schema, tasks[1]!.outputs[0]!.schema);
  });

  it("reads a directive of YAML 1.1 as YAML 1.2 all the same", async () => {
    const { errors } = await load(
      "%YAML 1.1\n---\n" + base.under("metrics: {enabled: yes}\n").text,
    );
    assert.deepEqual(errors, [
      'p.yaml:3:20 metrics.enabled: expected true or false, got string "yes"',
    ]);
  });
});

describe("toMermaid()", () => {
  it("draws tasks by kind, with side outs dotted", async () => {
    const text = base.plus(`    sideOuts: [{id: bad, schema: ${AB}, out: [end]}]
    out: [end]
  - {id: end, type: print}
`).text;
    assert.equal(
      toMermaid(await loadGood(text)),
      `flowchart LR
  t0(["list<br/>fs-source"])
  t1["work<br/>raw"]
  t2[("end<br/>print")]
  t0 --> t1
  t1 --> t2
  t1 -. "bad" .-> t2
`,
    );
  });
});
