import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { runCommandLine } from "../../adapters/shared/cli/command_line.ts";
import { decodeText } from "../../adapters/shared/node/decode_text.ts";
import type { Host } from "../../src/host.ts";
import { pick, type Random, seededRandom } from "../support/data/random_avro.ts";
import { CommandLine } from "../support/commands/command.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { testSeed } from "../support/data/test_seed.ts";
import { load } from "./support/load.ts";
import { mutateStructure, mutateText } from "./support/mutate_pipeline.ts";

const FILES = 5_000;
const SAMPLE = 8;
/** `p.yaml:3:7 dag[0].id: what is wrong; what to do`, and the same as a warning. */
const FINDING = /^(warning: )?p\.yaml(:\d+:\d+)?( [^\n]+)?: [^\n]+$/;

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `kflow ARGS` in this process, with nothing there but `p.yaml`. */
async function command(args: readonly string[], text: string): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  const output = (write: (text: string) => string) => ({
    write: (text: string) => write(text) !== "",
    drained: () => Promise.resolve(),
    isTerminal: false,
    columns: 80,
  });
  const host: Partial<Host> = {
    platform: "test",
    env: () => undefined,
    stdout: output((text) => stdout += text),
    stderr: output((text) => stderr += text),
    resolvePath: (path, from) => resolve(from ?? "/flows", path),
    readText: (path) =>
      path === "/flows/p.yaml"
        ? Promise.try(() => decodeText(new TextEncoder().encode(text)))
        : Promise.reject(new Error("ENOENT")),
  };
  const status = await runCommandLine(host as Host, args);
  return { status, stdout, stderr };
}

function endsWell({ status, stdout, stderr }: Ended, where: string): void {
  assert.ok(status === 0 || status === 2, `status ${status}: ${stderr}, ${where}`);
  const lines = stderr.split("\n").filter((line) => line !== "");
  for (const line of lines) assert.match(line, FINDING, where);
  const mistakes = lines.filter((line) => !line.startsWith("warning: "));
  assert.equal(mistakes.length > 0, status === 2, where);
  assert.equal(stdout !== "", status === 0, where);
}

async function sources(): Promise<string[]> {
  const folders = ["./fixtures/", "../../examples/"].map((path) => new URL(path, import.meta.url));
  const found = await Promise.all(folders.map(async (folder) => {
    const names = await readdir(folder, { recursive: true });
    const files = names.filter((name) => name.endsWith(".yaml")).sort();
    return await Promise.all(files.map((name) => readFile(new URL(name, folder), "utf8")));
  }));
  return found.flat();
}

const WAYS: Readonly<Record<string, (text: string, random: Random) => string>> = {
  "damaged text": mutateText,
  "damaged structure": mutateStructure,
};

describe("kflow validate on mutated files", () => {
  const kflow = new CommandLine();
  const seed = testSeed();
  after(() => kflow.endAll());

  for (const [what, mutate] of Object.entries(WAYS)) {
    it(`ends with status 0 or 2 and findings only, on each of ${FILES} of ${what}`, async () => {
      const texts = await sources();
      const random = seededRandom(seed);
      let wrong = 0;
      for (let round = 0; round < FILES; round++) {
        const text = mutate(pick(random, texts), random);
        const where = `seed ${seed}, round ${round}: ${JSON.stringify(text.slice(0, 5000))}`;
        const ended = await command(["validate", "p.yaml"], text);
        endsWell(ended, where);
        if (ended.status === 0) endsWell(await command(["graph", "p.yaml"], text), where);
        else wrong++;
      }
      // Neither everything nor nothing: the damage is neither always fatal nor always harmless.
      assert.ok(wrong > FILES / 4 && wrong < FILES, `${wrong} of ${FILES} had mistakes`);
    });
  }

  it(
    `says the same as a command of its own, on ${SAMPLE} of each`,
    { timeout: 90_000 },
    async () => {
      const folder = await FlowFolder.make();
      const texts = await sources();
      const random = seededRandom(seed + 1);
      for (let round = 0; round < SAMPLE; round++) {
        for (const mutate of Object.values(WAYS)) {
          const text = mutate(pick(random, texts), random).toWellFormed();
          await folder.write("p.yaml", text);
          const where = `seed ${seed}: ${JSON.stringify(text.slice(0, 5000))}`;
          const ended = await kflow.run(["validate", "p.yaml"], { cwd: folder.path });
          endsWell({ ...ended, status: ended.status ?? -1 }, where);
          const here = await command(["validate", "p.yaml"], text);
          assert.equal(ended.status, here.status, where);
          assert.equal(ended.stderr, here.stderr, where);
        }
      }
      await folder.remove();
    },
  );
});

describe("loadPlan() on files that are very deep", () => {
  const deep: Record<string, string> = { flow: "[", mapping: "{a: ", block: "- ", keys: "? " };
  for (const [what, open] of Object.entries(deep)) {
    it(`says the same of ${what} however much of the stack is taken, and of each depth beyond the limit`, async () => {
      const said = new Set<string>();
      for (const levels of [100, 300, 1_000, 3_000, 10_000, 100_000]) {
        for (const taken of [0, 500, 2_000]) {
          said.add(
            (await below(taken, () => load(open.repeat(levels) + "}\n- b: ["))).errors.join(),
          );
        }
      }
      // Up to where the library makes a tree it says what is wrong with it.
      const tooMuch = "p.yaml:1:1: too many values or levels; no pipeline needs so many";
      assert.ok(said.delete(tooMuch));
      assert.equal(said.size, 1, [...said].join("\n"));
    });
  }

  /** Calls from so deep in the stack. */
  function below<T>(levels: number, call: () => T): T {
    return levels === 0 ? call() : below(levels - 1, call);
  }
});

describe("loadPlan() on files made to be slow", () => {
  const many = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => line(index)).join("\n") + "\n";
  const chain = many(
    999,
    (index) => `  - {id: t${index}, type: raw, image: x, out: [t${index + 1}]}`,
  );
  const source = "dag:\n  - {id: s, type: fs-source, addr: h, topics: s3a://docs, out: [t0]}\n";
  // Each took more than 20 seconds with the obvious algorithm.
  const files: [what: string, text: string, error: string][] = [
    [
      "60,000 keys",
      many(60_000, (index) => `k${index}: 1`),
      "p.yaml:1:1: too many values or levels; no pipeline needs so many",
    ],
    [
      "15,000 anchors",
      many(15_000, (index) => `- &a${index} x`) + many(15_000, (index) => `- *a${index}`),
      "p.yaml:1:1: expected mapping, got list; a pipeline is a mapping with 'dag'",
    ],
    [
      "200 tasks that all feed each other",
      "dag:\n" +
      many(
        200,
        (index) =>
          `  - {id: t${index}, type: raw, image: x, out: [${
            Array.from({ length: 200 }, (_, other) => `t${other}`)
          }]}`,
      ),
      "p.yaml:198:913 dag[196].out[196]: cycle: t196 -> t196; records would go round for ever, remove one of these",
    ],
    [
      "more tasks than a pipeline may have",
      source + chain + "  - {id: t999, type: print}\n",
      "p.yaml:2:3 dag: dag has more than 1000 tasks; split the pipeline",
    ],
  ];
  for (const [what, text, error] of files) {
    it(`ends on ${what}`, async () => {
      const { errors } = await load(text);
      assert.ok(errors.includes(error), errors.slice(0, 3).join("\n"));
    });
  }

  it("plans a chain of 999 tasks", async () => {
    const text = source + chain.replace(/.*\n$/, "").replace("[t998]", "[]");
    const { plan, errors } = await load(text);
    assert.deepEqual(errors, []);
    assert.equal(plan?.tasks.length, 999);
  });
});
