import { after, afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FILE_VARIABLES, VARIABLES } from "../../src/settings/settings.ts";
import { withFileVariables } from "../../src/settings/file_variables.ts";
import type { Host } from "../../src/host.ts";
import { CommandLine } from "../support/commands/command.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";

function hostOf(env: Record<string, string>, files: Record<string, string>): Host {
  const fake: Pick<Host, "env" | "resolvePath" | "readText"> = {
    env: (name) => env[name],
    resolvePath: (path) => path,
    readText: (path) =>
      path in files ? Promise.resolve(files[path]!) : Promise.reject(new Error("ENOENT")),
  };
  return fake as Host;
}

describe("withFileVariables()", () => {
  it("reads a variable from the file that its twin names, without the last line break", async () => {
    const host = await withFileVariables(hostOf(
      { KFLOW_STORE_PASSWORD_FILE: "/secrets/store", KFLOW_STORE_USER: "me", HOME: "/home" },
      { "/secrets/store": "two\nlines\n" },
    ));
    assert.equal(host.env("KFLOW_STORE_PASSWORD"), "two\nlines");
    assert.equal(host.env("KFLOW_STORE_USER"), "me");
    assert.equal(host.env("HOME"), "/home");
  });

  it("names every file that cannot be read, and what is given twice", async () => {
    const host = hostOf({
      KFLOW_NATS_ADDR_FILE: "/gone",
      KFLOW_STORE_USER_FILE: "/user",
      KFLOW_STORE_USER: "me",
    }, { "/user": "you" });
    await assert.rejects(withFileVariables(host), (error: Error) => {
      assert.equal(
        error.message,
        'environment KFLOW_NATS_ADDR_FILE: cannot read "/gone" (ENOENT); give the path of a file with the value\n' +
          "environment KFLOW_STORE_USER_FILE: KFLOW_STORE_USER is set too; unset one of the two",
      );
      return true;
    });
  });
});

describe("FILE_VARIABLES", () => {
  it("has every variable that can carry a password or a token", () => {
    const names = Object.keys(VARIABLES).filter((name) =>
      /ADDR|ENDPOINT|USER|PASSWORD|TOKEN|HEADERS/.test(name)
    );
    assert.equal(names.length, 9);
    assert.deepEqual([...FILE_VARIABLES].sort(), names.sort());
  });

  it("are read from files, each of them", async () => {
    for (const name of FILE_VARIABLES) {
      const host = await withFileVariables(
        hostOf({ [`${name}_FILE`]: "/f" }, { "/f": "value\r\n" }),
      );
      assert.equal(host.env(name), "value");
      const twice = hostOf({ [`${name}_FILE`]: "/f", [name]: "x" }, { "/f": "value" });
      await assert.rejects(withFileVariables(twice), {
        message: new RegExp(`: ${name} is set too;`),
      });
      for (const empty of ["", "\n", " \n"]) {
        await assert.rejects(
          withFileVariables(hostOf({ [`${name}_FILE`]: "/f" }, { "/f": empty })),
          { message: `environment ${name}_FILE: "/f" is empty; write the value into it` },
        );
      }
    }
  });
});

describe("kflow worker, placed by its environment", () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  beforeEach(async () => {
    folder = await FlowFolder.make("quickstart");
  });
  afterEach(() => folder.remove());
  after(() => kflow.endAll());

  it("says what it lacks, with status 2", async () => {
    const { status, stderr } = await kflow.run(["worker"]);
    assert.equal(status, 2);
    assert.equal(
      stderr,
      "environment KFLOW_PIPELINE: it is needed to know the pipeline file; set it, or give it as an argument\n" +
        "environment KFLOW_TASK: it is needed to know the task to work on; set it, or give --task ID\n",
    );
  });

  it("takes file, task and addresses from there", async () => {
    const env = {
      KFLOW_PIPELINE: folder.file("pipeline.yaml"),
      KFLOW_TASK: "nobody",
      KFLOW_NATS_ADDR_FILE: await folder.write("nats", "nats://127.0.0.1:1\n"),
    };
    const { status, stderr } = await kflow.run(["worker"], { env });
    assert.equal(status, 2, stderr);
    assert.match(
      stderr,
      /^--task: the pipeline has no task "nobody"; it has "list", "describe", "store"\n$/,
    );
    const gone = await kflow.run(["worker"], {
      env: { ...env, KFLOW_TASK: "store", KFLOW_NATS_ADDR_FILE: "/nowhere" },
    });
    assert.equal(gone.status, 2);
    assert.match(
      gone.stderr,
      /^environment KFLOW_NATS_ADDR_FILE: cannot read "\/nowhere" \(ENOENT\); /,
    );
  });
});
