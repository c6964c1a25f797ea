import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CommandLine } from "../support/commands/command.ts";
import { OWN_RUNTIME } from "../support/runtimes.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SLOW = { timeout: 120_000 };

interface Block {
  readonly language: string;
  /** The file that the block is the content of, if it names one. */
  readonly file?: string;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, "docs/start", page), "utf8");
  return [...text.matchAll(/^```(\w+)(?: (\S+))?\n([^]*?)^```$/gm)]
    .map(([, language = "", file, text = ""]) => ({ language, ...(file && { file }), text }));
}

/** Output without the times, which differ from run to run. */
function withoutTimes(text: string): string {
  return text.replaceAll(/ +[\d.]+ s$/gm, " TIME s").trim();
}

describe("docs/start/first-pipeline.md", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make();
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  it("has steps that print what they say", SLOW, async () => {
    let printed = "";
    let steps = 0;
    for (const { language, file, text } of blocksOf("first-pipeline.md")) {
      if (file !== undefined) await folder.write(file, text);
      else if (language === "sh") {
        printed = await follow(text);
        steps++;
      } else {
        assert.equal(language, "text");
        assert.ok(withoutTimes(printed).startsWith(withoutTimes(text)), `${printed}\nnot\n${text}`);
      }
    }
    assert.equal(steps, 4);
  });

  async function follow(commands: string): Promise<string> {
    let printed = "";
    for (const command of commands.trim().split("\n")) {
      const [program = "", ...args] = command.split(" ");
      if (program === "cat") printed += new TextDecoder().decode(await folder.read(args[0]!));
      else {
        assert.equal(program, "kflow");
        printed += (await kflow.run(args, { cwd: folder.path })).stdout;
      }
    }
    return printed.trimStart();
  }
});

describe("docs/start/first-function-and-its-test.md", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  before(async () => {
    folder = await FlowFolder.make();
  });
  after(async () => {
    await kflow.endAll();
    await folder.remove();
  });

  it("has a test that passes in a folder of its own", SLOW, async () => {
    for (const { file, text } of blocksOf("first-function-and-its-test.md")) {
      if (file === undefined || (file === "deno.json" && OWN_RUNTIME === "bun")) continue;
      await folder.write(file, text.replaceAll("/path/to/kflow", ROOT));
    }
    if (OWN_RUNTIME === "bun") {
      await mkdir(folder.file("node_modules"));
      await symlink(ROOT, folder.file("node_modules/kflow"));
      await folder.write("package.json", '{ "type": "module" }');
    }
    const args = OWN_RUNTIME === "bun"
      ? ["test", "./size_test.ts"]
      : ["test", "-A", "--no-lock", "size_test.ts"];
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("KFLOW_"));
    const env = { ...Object.fromEntries(inherited) as Record<string, string>, NO_COLOR: "1" };
    const options = { binary: process.execPath, cwd: folder.path, env };
    const { status, stdout, stderr } = await kflow.run(args, options);
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout + stderr, /1 pass/);
  });
});
