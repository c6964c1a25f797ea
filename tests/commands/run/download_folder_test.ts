import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, extname, join } from "node:path";
import { type Command, CommandLine } from "../../support/commands/command.ts";
import { OTHER_RUNTIME, type Runtime } from "../../support/runtimes.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers, type ServersOfTests } from "../../support/commands/on_servers.ts";
import type { ServerFlow } from "../../support/commands/server_flow.ts";

const SLOW = { timeout: 90_000 };
const KNOWS_PROCESSES = existsSync("/proc/self/ns/pid");

/** The quickstart's function, which tells what it was given. */
const MODULE = `
import { statSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import describe from "./describe.ts";

export default async function (record, ctx) {
  const path = ctx.localPath;
  const mode = (place) => (statSync(place).mode & 0o777).toString(8);
  const modes = [mode(path), mode(dirname(path)), mode(dirname(dirname(path)))];
  ctx.log.info("has its file", { key: record.key, path, modes });
  if (process.env.HANG) await new Promise(() => {});
  const described = await describe(record, ctx);
  if (process.env.MANUAL) ctx.requestAck();
  if (process.env.FLUSH) await ctx.flush(path);
  return described;
}
`;
const LOOK = "dag.describe.module=./look.ts";
const MANUAL = "dag.describe.meta.ack.manual=true";

interface Start {
  env?: Record<string, string>;
  set?: readonly string[];
  runtime?: Runtime;
}

/** The quickstart, in one of its ways of running. Each start is a run of its own that lists everything. */
interface Flow {
  start(options?: Start): Command;
  remove?(): Promise<void>;
}

async function embedded(kflow: CommandLine): Promise<Flow> {
  const folder = await FlowFolder.make("quickstart");
  await folder.write("look.ts", MODULE);
  return {
    start({ env, set = [], runtime } = {}) {
      const args = ["run", folder.file("pipeline.yaml"), "--set", LOOK];
      for (const each of set) args.push("--set", each);
      const state = { KFLOW_STATE_DIR: folder.file(`state-${crypto.randomUUID()}`) };
      return kflow.start(args, { runtime, env: { ...state, ...env } });
    },
    remove: () => folder.remove(),
  };
}

async function byServers(given: ServersOfTests): Promise<Flow> {
  const flows: ServerFlow[] = [];
  // Flows that are started anew after a kill are others: what comes again is not the subject here.
  for (let i = 0; i < 5; i++) {
    const flow = await given.newFlow();
    await flow.folder.write("look.ts", MODULE);
    flow.set("dag.describe.module", "./look.ts");
    flows.push(flow);
  }
  return {
    start({ env, set = [], runtime } = {}) {
      const flow = flows.pop()!;
      for (const each of set) {
        const [path = "", value = ""] = each.split("=");
        flow.set(path, value);
      }
      return flow.run({ runtime, env });
    },
  };
}

function testFolders(kflow: CommandLine, make: () => Promise<Flow>): void {
  let flow: Flow;
  /** Below /tmp, and nobody else's. */
  let root: string;
  let directory: string;

  beforeEach(async () => {
    flow = await make();
    root = await realpath(await mkdtemp("/tmp/kflow-downloads-"));
    directory = join(root, "downloads");
  }, SLOW);
  afterEach(async () => {
    await kflow.endAll();
    await flow.remove?.();
    await rm(root, { recursive: true, force: true });
  });

  const into = (folder: string) => `dag.describe.meta.download.directory=${folder}`;

  async function endsWell(command: Command): Promise<Record<string, unknown>[]> {
    const { status, stderr } = await command.end();
    assert.equal(status, 0, stderr);
    return linesOf(command, "has its file");
  }

  /** The file that a hanging command has. */
  async function fileOf(command: Command): Promise<string> {
    await command.sees('"has its file"');
    return String(linesOf(command, "has its file")[0]!.path);
  }

  /** As if it had been written some minutes ago. */
  async function age(path: string): Promise<void> {
    const long = Date.now() / 1000 - 400;
    await utimes(path, long, long);
  }

  const claimed = (path: string) => dirname(dirname(path));

  it("is below /tmp and the host name, private, and empty at the end", SLOW, async () => {
    const lines = await endsWell(flow.start());
    assert.ok(lines.length > 3);
    for (const { path, modes, key } of lines) {
      const host = hostname().replaceAll(/[.\-]/g, "\\$&");
      const last = extname(String(key));
      assert.match(
        String(path),
        new RegExp(`^(/private)?/tmp/${host}/kflow-[0-9a-f-]{36}/[0-9a-f-]{36}/`),
      );
      assert.ok(String(path).endsWith(last), `${path} ${last}`);
      assert.deepEqual(modes, ["600", "700", "700"]);
      assert.equal(existsSync(claimed(String(path))), false);
    }
  });

  it("may be another one, also through a link that stays below /tmp", SLOW, async () => {
    await mkdir(join(root, "real"));
    await symlink(join(root, "real"), join(root, "link"));
    const lines = await endsWell(flow.start({ set: [into(join(root, "link", "deep"))] }));
    const [{ path } = {}] = lines;
    assert.ok(String(path).startsWith(join(root, "real", "deep", "kflow-")), `${path}`);
    assert.deepEqual(await readdir(join(root, "real", "deep")), []);
  });

  it("is refused if a link leads it out of /tmp or to /tmp itself", SLOW, async () => {
    for (const target of ["/", "/etc", "/tmp", "/usr/share"]) {
      const link = join(root, `link${target.replaceAll("/", "-")}`);
      await symlink(target, link);
      const command = flow.start({ set: [into(target === "/" ? `${link}/etc` : link)] });
      const { status, stderr } = await command.end();
      assert.equal(status, 1, stderr);
      assert.match(
        stderr,
        /Cannot download for task "describe": Cannot use folder .*, which is not strictly below .*; give another folder with meta\.download\.directory$/m,
      );
      assert.deepEqual(linesOf(command, "has its file"), []);
    }
  });

  for (const manual of [false, true]) {
    const how = manual ? "under manual acknowledgement" : "with automatic acknowledgement";
    const env: Record<string, string> = manual ? { MANUAL: "1", FLUSH: "1" } : {};
    const options = () => ({ set: [into(directory), ...(manual ? [MANUAL] : [])], env });
    const hanging = () => ({ ...options(), env: { ...env, HANG: "1" } });

    /** Starts once more, to the end; then the folders that it removed. */
    const sweptByAStart = async (): Promise<unknown[]> => {
      const command = flow.start(options());
      await endsWell(command);
      return linesOf(command, "Removed downloads of a process that is gone")
        .map((line) => line.folder);
    };

    it(
      `loses what a killed process left, and nothing of a living one, ${how}`,
      SLOW,
      async () => {
        const used = await fileOf(flow.start({ ...hanging(), runtime: OTHER_RUNTIME }));
        const killed = flow.start(hanging());
        const left = await fileOf(killed);
        await killed.kill();
        await writeFile(join(directory, "notes.txt"), "not ours");
        const folders = [claimed(left), claimed(used)].map((folder) => basename(folder));
        assert.deepEqual((await readdir(directory)).sort(), [...folders, "notes.txt"].sort());
        for (const place of [used, dirname(used), claimed(used)]) await age(place);
        // Where nothing is known of processes the age of the claim is all there is.
        await age(join(claimed(KNOWS_PROCESSES ? used : left), "claim"));

        assert.deepEqual(await sweptByAStart(), [claimed(left)]);
        const stay = [basename(claimed(used)), "notes.txt"];
        assert.deepEqual((await readdir(directory)).sort(), stay.sort());
        assert.ok(existsSync(used));
      },
    );

    it(`loses what another container left after 5 minutes, ${how}`, SLOW, async () => {
      const killed = flow.start(hanging());
      const left = await fileOf(killed);
      await killed.kill();
      const claim = join(claimed(left), "claim");
      await writeFile(claim, "00000000-0000-4000-8000-000000000000 pid:[1] 1 1");
      assert.deepEqual(await sweptByAStart(), []);
      assert.ok(existsSync(left), "its owner may live");
      await age(claim);
      assert.deepEqual(await sweptByAStart(), [claimed(left)]);
      assert.deepEqual(await readdir(directory), []);
    });
  }

  it("keeps what manual acknowledgement has not flushed until a later start", SLOW, async () => {
    const set = [into(directory), MANUAL];
    const lines = await endsWell(flow.start({ set, env: { MANUAL: "1" } }));
    assert.ok(lines.length > 3);
    for (const { path } of lines) assert.ok(existsSync(String(path)), `${path}`);
    await age(join(claimed(String(lines[0]!.path)), "claim"));
    await endsWell(flow.start({ set, env: { MANUAL: "1", FLUSH: "1" } }));
    assert.deepEqual((await readdir(directory)).sort(), []);
  });
}

function linesOf(command: Command, message: string): Record<string, unknown>[] {
  return command.stderr.split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((line) => line.message === message);
}

describe("the download folder, embedded", () => {
  const kflow = new CommandLine();
  testFolders(kflow, () => embedded(kflow));
});

onServers("the download folder, on servers", (given) => {
  testFolders(given.kflow, () => byServers(given));
}, SLOW);
