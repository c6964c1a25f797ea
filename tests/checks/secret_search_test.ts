import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Commands } from "../../tools/process.ts";
import { SecretSearch } from "../../tools/secret_search.ts";
import { runTestFile, RUNTIMES } from "../../tools/test_file.ts";
import { PlantedRepository } from "./planted_repository.ts";

const supportUrl = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

const HEAD = `
import { it } from "node:test";
import { newSecret, recordLogged } from "${supportUrl("run_record.ts")}";
import { Command } from "${supportUrl("commands/command.ts")}";
import { runFlow } from "${supportUrl("in_process/flow.ts")}";
const secret = newSecret();
void [recordLogged, Command, runFlow];
`;

/** Each gives the secret away in one of the ways there are; the first does not. */
const FILES = {
  silent: `it("says nothing of it", () => { recordLogged("the password is ***"); });`,
  printing:
    `it("prints it", () => { console.log("the password is " + secret + "!"); recordLogged("nothing"); });`,
  commanding: `it("starts what prints it", async () => {
    await new Command([secret]).end();
  });`,
  flowing: `it("has a flow that logs it", async () => {
    await runFlow({
      yaml: 'mode: batch\\nname: planted\\nglobalConfig: {store: {addr: "memory:"}}\\ndag: [{id: make, type: raw-source, module: ./m.ts, out: [work], schema: \\'{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}\\'}, {id: work, type: raw, module: ./m.ts}]',
      functions: { make: [{ n: 1 }], work: (_record, ctx) => void ctx.log.info("password", { secret }) },
    });
  });`,
};

describe("SecretSearch", () => {
  const commands = new Commands();
  const repository = new PlantedRepository(
    Object.fromEntries(
      Object.entries(FILES).map(([name, text]) => [`tests/${name}_test.ts`, HEAD + text]),
    ),
  );
  after(() => repository.remove());

  for (const runtime of RUNTIMES) {
    const problemsOf = async (name: keyof typeof FILES) => {
      const file = `tests/${name}_test.ts`;
      const result = await runTestFile(runtime, file, {
        commands,
        cwd: repository.root,
        timeoutMs: 60_000,
      });
      assert.equal(result.report.passed.length, 1, result.output);
      const search = new SecretSearch();
      search.add(`${runtime} ${file}`, result);
      const problems = search.problems({ whole: true });
      for (const problem of problems) assert.doesNotMatch(problem, /secret-[0-9a-f]{8}/);
      return problems;
    };

    it(`finds nothing where nothing was given away, on ${runtime}`, async () => {
      assert.deepEqual(await problemsOf("silent"), []);
    });

    it(`finds what a test prints, with its file and the secret masked, on ${runtime}`, async () => {
      assert.deepEqual(await problemsOf("printing"), [
        `${runtime} tests/printing_test.ts: the password is ***!`,
      ]);
    });

    it(`finds what a command of a test prints, on ${runtime}`, async () => {
      const problems = await problemsOf("commanding");
      assert.ok(problems.length > 0);
      assert.match(problems[0]!, /tests\/commanding_test\.ts: error: unknown command '\*\*\*'/);
    });

    it(`finds what a flow of a test logs, on ${runtime}`, async () => {
      const problems = await problemsOf("flowing");
      assert.equal(problems.length, 1);
      assert.match(
        problems[0]!,
        /tests\/flowing_test\.ts: .*"message":"password","task":"work","secret":"\*\*\*"/,
      );
    });
  }

  const record = (secrets: string[], logged = "", stored = "x") => ({ secrets, logged, stored });

  it("finds the secret of one test in what another has logged", () => {
    const search = new SecretSearch();
    search.add("one", { output: "a", record: record(["s3cret"]) });
    search.add("other", { output: "b", record: record([], "x\nuser:s3cret@host\ny") });
    assert.deepEqual(search.problems({ whole: true }), ["other: user:***@host"]);
  });

  it("finds a secret in what a stream holds, and encoded", () => {
    const search = new SecretSearch();
    const secret = "s3cret of/many";
    search.add("one", {
      output: "a",
      record: record([secret], "b", `x: 1\nKflow-Error: ${secret}`),
    });
    const user = btoa(`somebody:${secret}!`);
    search.add("two", { output: encodeURIComponent(secret), record: record([], `Basic ${user}`) });
    const hex = Array.from(new TextEncoder().encode(secret), (byte) => byte.toString(16));
    search.add("three", { output: "a", record: record([], `x ${hex.join("")} y`) });
    const problems = search.problems({ whole: true });
    assert.deepEqual(problems.slice(0, 2), ["one: Kflow-Error: ***", "two: ***"]);
    assert.match(problems[2]!, /^two: Basic \S+\*\*\*\S*$/);
    assert.deepEqual(problems.slice(3), ["three: x *** y"]);
  });

  it("fails a whole run that registered no secret, or in which there was nothing to search", () => {
    const search = new SecretSearch();
    search.add("one", { output: "", record: record([], "", "") });
    assert.deepEqual(search.problems({ whole: true, servers: true }), [
      "no test has registered a secret",
      "nothing was searched: no test has printed anything",
      "nothing was searched: no test has logged anything",
      "nothing was searched: no test has stored anything",
    ]);
    assert.deepEqual(search.problems({ whole: false }), []);
  });
});
