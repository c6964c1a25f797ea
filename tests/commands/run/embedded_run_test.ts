import { after, before, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { basename } from "node:path";
import { UNFINISHED_NAME } from "../../../src/files/file_path.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { countsOf, loggedKeys, resultsIn, SLOW_MODULE } from "../../support/commands/quickstart.ts";

const DEBUG = { KFLOW_RUNTIME_LOG_LEVEL: "DEBUG" };

describe("kflow run, embedded", () => {
  const kflow = new CommandLine();
  const folders: FlowFolder[] = [];
  let folder: FlowFolder;
  let file: string;
  let expected: Record<string, unknown>;

  before(async () => {
    const example = await FlowFolder.make("quickstart");
    folders.push(example);
    expected = JSON.parse(new TextDecoder().decode(await example.read("expected.json")));
  });
  beforeEach(async () => {
    folder = await FlowFolder.make("quickstart");
    folders.push(folder);
    file = folder.file("pipeline.yaml");
  });
  after(async () => {
    await kflow.endAll();
    for (const each of folders) await each.remove();
  });

  async function results(): Promise<Record<string, unknown>> {
    const files = await folder.files("data/results");
    // What a killed process was writing is no result.
    return resultsIn(new Map([...files].filter(([path]) => !UNFINISHED_NAME.test(basename(path)))));
  }

  it("takes each version of a document once, over several runs", async () => {
    const first = await kflow.run(["run", file]);
    assert.equal(first.status, 0, first.stderr);
    assert.deepEqual(await results(), expected);

    const second = await kflow.run(["run", file]);
    assert.equal(second.status, 0);
    assert.deepEqual(countsOf(second.stdout, "list").slice(0, 2), [0, 0]);
    assert.deepEqual(countsOf(second.stdout, "describe").slice(0, 2), [0, 0]);

    await folder.write("data/docs/languages/english.txt", "Now it says something else.\n");
    await folder.write("data/docs/aaa first of all.txt", "I come before everything.\n");
    const third = await kflow.run(["run", file], { env: DEBUG });
    assert.equal(third.status, 0);
    assert.deepEqual(loggedKeys(third.stderr, "described a document"), [
      "aaa first of all.txt",
      "languages/english.txt",
    ]);
    const now = await results() as Record<string, { words: number }>;
    assert.equal(now["aaa first of all.txt"]!.words, 4);
    assert.equal(now["languages/english.txt"]!.words, 5);
    assert.equal(Object.keys(now).length, Object.keys(expected).length + 1);
  });

  it("loses nothing when it is killed in the middle", async () => {
    await folder.write("slow.ts", SLOW_MODULE);
    const args = ["run", file, "--set", "dag.describe.module=./slow.ts"];
    const killed = kflow.start(args, { env: { WORK_MS: "75" } });
    await killed.sees('"begins"', 22);
    killed.signal("SIGKILL");
    assert.equal((await killed.end()).signal, "SIGKILL");
    const done = Object.keys(await results());
    assert.ok(done.length > 0 && done.length < 32, `${done.length} are done`);

    const again = await kflow.run(args, { env: { WORK_MS: "0" } });
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(await results(), expected);
    const begun = loggedKeys(again.stderr, "begins");
    assert.ok(begun.length < 32, "the checkpoint had kept nothing");
    const left = Object.keys(expected).filter((key) => !done.includes(key));
    assert.deepEqual(left.filter((key) => !begun.includes(key)), []);
  });

  it("finishes what it has begun when it is stopped, and goes on there", async () => {
    await folder.write("slow.ts", SLOW_MODULE);
    const args = ["run", file, "--set", "dag.describe.module=./slow.ts"];
    const stopped = kflow.start(args, { env: { WORK_MS: "60" } });
    await stopped.sees('"begins"', 10);
    stopped.signal("SIGTERM");
    const { status, stdout, stderr } = await stopped.end(10_000);
    assert.equal(status, 143, stderr);
    assert.match(
      stdout,
      /^quickstart: stopped before the end; the next run does what is left in /m,
    );
    const done = loggedKeys(stderr, "begins");
    assert.ok(done.length < 32);

    const again = await kflow.run(args, { env: { WORK_MS: "0" } });
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(await results(), expected);
    const begun = loggedKeys(again.stderr, "begins");
    assert.ok(begun.length < 32, "nothing of the first run was remembered");
  });

  it("says that a source without a checkpoint starts over after a stop", async () => {
    await folder.write("slow.ts", SLOW_MODULE);
    const settings = ["dag.describe.module=./slow.ts", "dag.list.meta.checkpoint=false"];
    const args = ["run", file, ...settings.flatMap((each) => ["--set", each])];
    const stopped = kflow.start(args, { env: { WORK_MS: "60" } });
    await stopped.sees('"begins"', 5);
    stopped.signal("SIGTERM");
    const { stdout } = await stopped.end(10_000);
    assert.match(
      stdout,
      /^quickstart: stopped before the end; in the next run "list" starts over in /m,
    );
  });

  it(
    "makes a document that fails a dead letter, and takes it again the next time",
    async () => {
      await folder.write("slow.ts", SLOW_MODULE);
      const args = ["run", file, "--set", "dag.describe.module=./slow.ts"];
      args.push("--set", "dag.describe.meta.max.attempts=2");
      args.push("--set", "dag.describe.meta.retry.delay.ms=10");
      const bad = "notes/café.md";
      const { status, stdout } = await kflow.run(args, { env: { BAD_KEY: bad } });
      assert.equal(status, 3);
      const { [bad]: fixed, ...others } = expected;
      assert.deepEqual(await results(), others);
      assert.deepEqual(countsOf(stdout, "describe"), [33, 31, 2, 1, 1]);
      assert.match(
        stdout,
        /^dead: describe docs\/notes\/café\.md after 2 attempts: not this one$/m,
      );
      const place = /^Dead letters are kept in (.*)$/m.exec(stdout)?.[1] ?? "";
      assert.ok(place.startsWith(folder.file(".kflow")), stdout);
      const kept = [...await folder.files(place.slice(folder.path.length + 1))];
      assert.equal(kept.length, 1);
      const letter = JSON.parse(new TextDecoder().decode(kept[0]![1]));
      assert.equal(letter.error, "not this one");
      assert.equal(letter.headers["Kflow-Task"], "describe");
      assert.match(letter.headers["Kflow-Schema"], /^[0-9a-f]{16}$/);
      assert.ok(atob(letter.bodyBase64).includes("docs/notes/caf"));

      const again = await kflow.run(args);
      assert.equal(again.status, 0, again.stderr);
      assert.deepEqual(loggedKeys(again.stderr, "begins"), [bad]);
      assert.deepEqual(await results(), { ...others, [bad]: fixed });
    },
  );
});
