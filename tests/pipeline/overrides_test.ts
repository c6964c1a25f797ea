import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { load, loadGood } from "./support/load.ts";
import { AB, base, withSink } from "./support/pipeline_text.ts";

describe("--set", () => {
  it("wins over the file, and the file over the environment", async () => {
    const text = base.under("name: written\nglobalConfig: {nats: {addr: 'nats://file'}}\n").text;
    const env = {
      KFLOW_NATS_ADDR: "nats://env",
      KFLOW_STORE_ADDR: "env:1",
      KFLOW_STORE_USER: "env",
    };
    const written = await loadGood(text, { env });
    assert.deepEqual(written.nats.address, { kind: "tcp", url: "nats://file:4222" });
    assert.deepEqual(written.tasks[0]!.store.address, {
      kind: "s3",
      endpoint: "http://localhost:9000",
    });
    const set = await loadGood(text, {
      env,
      set: ["globalConfig.nats.addr=ws://set:80", "dag.list.addr=set:9000"],
    });
    assert.deepEqual(set.nats.address, { kind: "websocket", url: "ws://set:80" });
    assert.deepEqual(set.tasks[0]!.store.address, { kind: "s3", endpoint: "http://set:9000" });
    assert.equal(set.tasks[0]!.store.user, "env");
  });

  it("sets text, numbers, flags, lists and meta", async () => {
    const plan = await loadGood(withSink("").text, {
      set: [
        "mode=batch",
        "parallelism=3",
        "dag.s3.parallelism=5",
        "dag.work.meta.increment=7",
        "dag.work.meta.bulk.enabled=false",
        "dag.work.meta.pattern={a}, b=c",
        "dag.work.globalConfig.store.autoDownload=true",
        "globalConfig.store.password=12345",
        "globalConfig.store.user=true",
        "dag.work.env.COUNT=5",
        `dag.work.schema=${AB.slice(1, -1)}`,
      ],
    });
    const [list, work, s3] = ["list", "work", "s3"].map((id) =>
      plan.tasks.find((task) => task.id === id)!
    );
    assert.equal(plan.mode, "batch");
    assert.deepEqual([list!.parallelism, work!.parallelism, s3!.parallelism], [1, 3, 5]);
    assert.equal(work!.meta.getInteger("increment"), 7);
    assert.equal(work!.meta.getBoolean("bulk.enabled"), false);
    assert.equal(work!.meta.getString("pattern"), "{a}, b=c");
    assert.equal(work!.autoDownload, true);
    assert.equal(work!.store.password?.reveal(), "12345");
    assert.equal(work!.store.user, "true");
    assert.deepEqual(work!.env, { COUNT: "5" });
    assert.equal((work!.outputs[0]!.schema as { name: string }).name, "ab");
  });

  it("sets the way out of a task", async () => {
    const text = base.plus("  - {id: p, type: print}\n").text;
    assert.equal((await load(text)).errors.length, 1);
    const plan = await loadGood(text, { set: ["dag.list.out=work, p"] });
    assert.deepEqual(plan.tasks[0]!.outputs[0]!.consumers, ["work", "p"]);
  });

  it("replaces a meta key however it is spelled in the file", async () => {
    for (const spelling of ["{a: {b: {c: 1}}}", "{a.b.c: 1}", "{a: {b.c: 1}}", "{a.b: {c: 1}}"]) {
      const plan = await loadGood(base.plus(`    meta: ${spelling}\n`).text, {
        set: ["dag.work.meta.a.b.c=2"],
      });
      assert.deepEqual(plan.tasks[1]!.meta.keys(), ["a.b.c"]);
      assert.equal(plan.tasks[1]!.meta.getInteger("a.b.c"), 2);
    }
  });

  it("the last of several wins", async () => {
    const plan = await loadGood(base.text, { set: ["name=a", "name=b"] });
    assert.equal(plan.flowId, "b");
  });

  it("a password from the command line is no literal one, and credentials in an address count", async () => {
    const { plan, warnings } = await load(base.text, {
      set: ["dag.list.addr=http://me:hunter2@h:9000"],
    });
    assert.deepEqual(warnings, []);
    assert.equal(plan!.tasks[0]!.store.user, "me");
    assert.equal(plan!.tasks[0]!.store.password?.reveal(), "hunter2");
  });

  it("repairs a file that is wrong without it", async () => {
    const text = base.but("addr: localhost:9000", "addr: h:99999").text;
    assert.equal((await load(text)).errors.length, 1);
    await loadGood(text, { set: ["dag.list.addr=h:9000"] });
  });

  const wrong: [setting: string, finding: string][] = [
    ["name", '--set: "name" has no value; write PATH=VALUE, such as dag.demo.addr=host:9000'],
    ["=x", "--set: no path before =; write PATH=VALUE, such as dag.demo.addr=host:9000"],
    ["nam=x", '--set nam: unknown key "nam"; did you mean "name"?'],
    ["dag.wrk.addr=x", '--set dag.wrk.addr: no task has id "wrk"; did you mean "work"?'],
    ["dag.work.adr=x", '--set dag.work.adr: unknown key "adr"; did you mean "addr"?'],
    ["dag.work=x", "--set dag.work: cannot be set as a whole; set one of its keys"],
    [
      "globalConfig.store=x",
      "--set globalConfig.store: cannot be set as a whole; set one of its keys",
    ],
    ["dag.work.meta=x", "--set dag.work.meta: cannot be set as a whole; set one of its keys"],
    ["dag=x", '--set dag: no task has id ""; tasks: list, work'],
    [
      "dag.work.addr.host=x",
      '--set dag.work.addr.host: unknown key "host"; there are no known keys',
    ],
    [
      "__proto__.x=1",
      "--set __proto__.x: this key is not allowed",
    ],
    [
      "globalConfig..addr=x",
      '--set globalConfig..addr: unknown key ""; known keys: store, sideStream, metrics, nats',
    ],
    ["parallelism=0", "--set parallelism: expected integer 1..1000, got number 0"],
    [
      "dag.work.parallelism=two",
      '--set dag.work.parallelism: expected integer 1..1000, got string "two"',
    ],
    ["dag.list.addr=", "--set dag.list.addr: must not be empty; remove the key or fill it in"],
    [
      "dag.list.addr=h:x",
      '--set dag.list.addr: address "h:***" has a bad port; a port is a number 1..65535',
    ],
    [
      "dag.list.meta.checkpoint=maybe",
      '--set dag.list.meta.checkpoint: expected true or false, got string "maybe"',
    ],
  ];
  for (const [setting, finding] of wrong) {
    it(`${JSON.stringify(setting)} is a mistake of the command line`, async () => {
      assert.deepEqual((await load(base.text, { set: [setting] })).errors, [finding]);
    });
  }
});

describe("--module", () => {
  it("gives code to a task, seen from the current folder, and wins over the file", async () => {
    const text = base.plus("    module: ./in_file.ts\n").text;
    assert.equal((await loadGood(text)).tasks[1]!.module, "/flows/in_file.ts");
    const plan = await loadGood(text, { modules: ["work=lib/given.ts"] });
    assert.equal(plan.tasks[1]!.module, "/cwd/lib/given.ts");
  });

  const wrong: [modules: string[], finding: string][] = [
    [["work"], '--module: "work" is not TASK=PATH; write --module demo=./demo.ts'],
    [["work="], '--module: "work=" is not TASK=PATH; write --module demo=./demo.ts'],
    [["wrk=./x.ts"], '--module wrk: no task has id "wrk"; did you mean "work"?'],
    [
      ["list=./x.ts"],
      '--module list: "list" is of type fs-source, which runs no module; give modules to raw and raw-source tasks',
    ],
    [
      ["work=./x.ts", "work=./y.ts"],
      '--module work: "work" is given twice; give each task one module',
    ],
  ];
  for (const [modules, finding] of wrong) {
    it(`${modules.join(" ")} is a mistake of the command line`, async () => {
      assert.deepEqual((await load(base.text, { modules })).errors, [finding]);
    });
  }
});
