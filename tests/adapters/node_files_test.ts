import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "@std/testing/bdd";
import { openNodeFiles } from "../../adapters/shared/node/node_files.ts";
import { FilesError } from "../../src/files/files.ts";
import { testFiles } from "../contracts/files_contract.ts";

let base = "";
let count = 0;

before(async () => {
  base = await fs.realpath(await fs.mkdtemp(join(tmpdir(), "kflow-files-")));
});
after(() => fs.rm(base, { recursive: true, force: true }));

function fresh(): string {
  return join(base, `area-${count++}`);
}

testFiles("node", () => openNodeFiles(fresh()));

describe("openNodeFiles", () => {
  it("makes a missing root private, and says its real path", async () => {
    const root = fresh();
    const files = await openNodeFiles(join(root, "deep/er"));
    assert.equal(files.root, join(root, "deep/er"));
    assert.equal((await fs.stat(files.root)).mode & 0o777, 0o700);
    assert.equal((await fs.stat(root)).mode & 0o777, 0o700);
  });

  it("with create: false refuses a missing root and makes nothing", async () => {
    const root = fresh();
    await assert.rejects(
      () => openNodeFiles(root, { create: false }),
      (error) => error instanceof FilesError && error.kind === "missing",
    );
    await assert.rejects(() => fs.stat(root), /ENOENT/);
  });

  it("refuses a root that is a file", async () => {
    const root = fresh();
    await fs.writeFile(root, "x");
    for (const path of [root, join(root, "below")]) {
      await assert.rejects(
        () => openNodeFiles(path),
        (error) => error instanceof FilesError && error.kind === "conflict",
      );
    }
  });

  it("with below refuses what is not strictly below it, before making anything", async () => {
    const limit = fresh();
    await fs.mkdir(limit);
    await fs.symlink("/", join(limit, "out"));
    const wrong = [
      limit,
      `${limit}/`,
      `${limit}-other/x`,
      `${limit}/../elsewhere`,
      join(limit, `out${limit}-outside`),
      "/etc",
      "relative",
    ];
    for (const root of wrong) {
      await assert.rejects(() => openNodeFiles(root, { below: limit }), RangeError, root);
    }
    for (const made of [`${limit}-other`, join(base, "elsewhere"), `${limit}-outside`]) {
      await assert.rejects(() => fs.stat(made), /ENOENT/);
    }
    const files = await openNodeFiles(join(limit, "host/area"), { below: limit });
    assert.equal(files.root, join(limit, "host/area"));
  });

  it("with below resolves links in the limit and in the root", async () => {
    const real = fresh();
    const link = fresh();
    await fs.mkdir(join(real, "a"), { recursive: true });
    await fs.symlink(real, link);
    await fs.symlink(join(real, "a"), join(real, "b"));
    const files = await openNodeFiles(join(link, "b", "c"), { below: link });
    assert.equal(files.root, join(real, "a", "c"));
  });

  it("with below refuses a folder of another user on the way", {
    skip: process.getuid?.() === 0 ? false : "only root can give a folder away",
  }, async () => {
    const limit = fresh();
    await fs.mkdir(join(limit, "theirs", "mine"), { recursive: true });
    await fs.chown(join(limit, "theirs"), 12345, 12345);
    for (const root of ["theirs", "theirs/mine", "theirs/new"]) {
      await assert.rejects(
        () => openNodeFiles(join(limit, root), { below: limit }),
        /belongs to user 12345/,
      );
    }
  });
});

describe("Files of a folder", () => {
  it("files are 0600 and folders 0700", async () => {
    const root = fresh();
    const files = await openNodeFiles(root);
    await files.write("a/b/c", new Uint8Array(3));
    assert.equal((await fs.stat(join(root, "a"))).mode & 0o777, 0o700);
    assert.equal((await fs.stat(join(root, "a/b"))).mode & 0o777, 0o700);
    assert.equal((await fs.stat(join(root, "a/b/c"))).mode & 0o777, 0o600);
  });

  it("a link out of the root is not listed, read, written through or removed through", async () => {
    const root = fresh();
    const outside = fresh();
    await fs.mkdir(outside);
    await fs.writeFile(join(outside, "secret"), "theirs");
    const files = await openNodeFiles(root);
    await files.write("own", new Uint8Array(1));
    await fs.symlink(outside, join(root, "folder"));
    await fs.symlink(join(outside, "secret"), join(root, "file"));

    assert.deepEqual((await files.list("")).map((info) => info.path), ["own"]);
    assert.equal(await files.stat("file"), undefined);
    assert.equal(await files.read("file"), undefined);
    assert.deepEqual(await files.list("folder"), []);
    await assert.rejects(() => files.stat("folder/secret"), RangeError);
    await assert.rejects(() => files.read("folder/secret"), RangeError);
    await assert.rejects(() => files.write("folder/new", new Uint8Array(1)), RangeError);
    await assert.rejects(() => files.write("folder/sub/new", new Uint8Array(1)), RangeError);
    await assert.rejects(() => files.makeDirectory("folder/sub"), RangeError);
    await assert.rejects(() => files.remove("folder/secret"), RangeError);
    await files.write("file", new TextEncoder().encode("mine"));
    await files.remove("folder");

    assert.deepEqual(await fs.readdir(outside), ["secret"]);
    assert.equal(await fs.readFile(join(outside, "secret"), "utf8"), "theirs");
    assert.equal(await fs.readFile(join(root, "file"), "utf8"), "mine");
    assert.deepEqual((await files.list("")).map((info) => info.path), ["file", "own"]);
  });

  it("a link from one child of the root to another leads nowhere, one inside of a child does", async () => {
    const root = fresh();
    const files = await openNodeFiles(root);
    await files.write("one/in/own", new Uint8Array(1));
    await files.write("other/secret", new TextEncoder().encode("theirs"));
    await fs.symlink(join(root, "other"), join(root, "one/link"));
    await fs.symlink(join(root, "one/in"), join(root, "one/again"));
    await fs.symlink(root, join(root, "one/up"));
    await fs.symlink(root, join(root, "up"));
    assert.deepEqual(await files.list("one/link"), []);
    for (const path of ["one/link/secret", "one/up/other/secret", "one/up/x", "up/x"]) {
      await assert.rejects(() => files.stat(path), RangeError);
      await assert.rejects(() => files.read(path), RangeError);
      await assert.rejects(() => files.write(path, new Uint8Array(1)), RangeError);
      await assert.rejects(() => files.remove(path), RangeError);
    }
    assert.equal((await files.stat("one/again/own"))?.size, 1);
    assert.equal(await fs.readFile(join(root, "other/secret"), "utf8"), "theirs");
  });

  it("no unfinished file stays on the disk after a failure", async () => {
    const root = fresh();
    const files = await openNodeFiles(root);
    await files.write("taken/x", new Uint8Array(1));
    await assert.rejects(() => files.write("taken", new Uint8Array(1)));
    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("broke")),
    });
    await assert.rejects(() => files.write("y", broken), /broke/);
    assert.deepEqual(await fs.readdir(root), ["taken"]);
  });

  it("a name of more than 255 bytes is a clear error", async () => {
    const files = await openNodeFiles(fresh());
    const long = "é".repeat(128);
    for (const path of [long, `a/${long}/b`]) {
      await assert.rejects(
        () => files.write(path, new Uint8Array(1)),
        (error) => error instanceof FilesError && error.kind === "bad-name",
      );
    }
  });

  it("a folder that the system denies is denied", {
    skip: process.getuid?.() === 0 ? "root is denied nothing" : false,
  }, async () => {
    const root = fresh();
    const files = await openNodeFiles(root);
    await files.write("closed/x", new Uint8Array(1));
    await fs.chmod(join(root, "closed"), 0o000);
    const denied = (error: unknown) => error instanceof FilesError && error.kind === "denied";
    try {
      await assert.rejects(() => files.list("closed"), denied);
      await assert.rejects(() => files.read("closed/x"), denied);
      await assert.rejects(() => files.write("closed/y", new Uint8Array(1)), denied);
    } finally {
      await fs.chmod(join(root, "closed"), 0o700);
    }
  });

  it(
    "a pipe is not opened",
    { skip: process.platform === "win32" ? "no pipes" : false },
    async () => {
      const root = fresh();
      const files = await openNodeFiles(root);
      const { execFileSync } = await import("node:child_process");
      execFileSync("mkfifo", [join(root, "pipe")]);
      assert.equal(await files.read("pipe"), undefined);
      assert.deepEqual(await files.list(""), []);
    },
  );
});
