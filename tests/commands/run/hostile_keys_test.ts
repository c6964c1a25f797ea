import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { onServers } from "../../support/commands/on_servers.ts";
import { countsOf } from "../../support/commands/quickstart.ts";

const SLOW = { timeout: 90_000 };
const CANARY = "the content of what nobody may read";
const SCHEMA =
  `'{"type":"record","name":"ref","fields":[{"name":"bucket","type":"string"},{"name":"key","type":"string"}]}'`;
const SEEN =
  `'{"type":"record","name":"seen","fields":[{"name":"key","type":"string"},{"name":"path","type":"string"},{"name":"content","type":"string"}]}'`;
const MODULE = `
import { readFile, realpath } from "node:fs/promises";
export default async function ({ key }, ctx) {
  return { key, path: await realpath(ctx.localPath), content: await readFile(ctx.localPath, "utf8") };
}
`;

/** Names of objects that there may well be; every store that has one gives it. */
const STRANGE_KEYS = [
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "-rf",
  "..x/x..",
  "...",
  "a b/c\\d|e;f&g$(h)\`i\`",
  "line\r\nbreak.txt",
  "\u202etxt.exe",
  "größe 日本 😀.pdf",
  ".ssh/authorized_keys",
  "CON",
  "x".repeat(200),
  "deep/".repeat(100) + "x",
];

/** Keys that would lead out of the bucket, the download folder or the request, seen from where each is used. */
const hostileKeys = (outside: string) => [
  "../secret/canary.txt",
  "../../escaped",
  "a/../../secret/canary.txt",
  "a/./b",
  "..",
  ".",
  "./x",
  "x/..",
  "",
  "/",
  "//",
  "/etc/passwd",
  `${outside}/escaped`,
  "../../".repeat(40) + `${outside.slice(1)}/escaped`,
  "a\0b",
  "x".repeat(1025),
  "😀".repeat(300),
];

/** Bucket names that a URL or a path would take for something else. */
const hostileBuckets = (port: number) => [
  "",
  ".",
  "..",
  "../secret",
  "docs/../secret",
  "docs/",
  "/etc",
  "a",
  "x".repeat(64),
  `127.0.0.1:${port}`,
  `@127.0.0.1:${port}`,
  `user:password@127.0.0.1:${port}`,
  `//127.0.0.1:${port}`,
  `\\\\127.0.0.1:${port}`,
  `http://127.0.0.1:${port}/docs`,
  `docs@127.0.0.1:${port}`,
  `／／127.0.0.1:${port}`,
  `docs\r\nHost: 127.0.0.1:${port}`,
  "docs?x=y",
  "docs#x",
  "docs%2f..%2fsecret",
  "do cs",
  "dоcs",
];

interface Place {
  /** `addr` of the store, perhaps with user and password, as YAML. */
  readonly store: string;
  put(bucket: string, key: string, content: string): Promise<unknown>;
  keys(bucket: string): Promise<string[]>;
  readonly env?: Record<string, string>;
}

/** @param make Called once; has the buckets docs, secret and results. */
function testHostileNames(kflow: CommandLine, make: (folder: FlowFolder) => Promise<Place>): void {
  let folder: FlowFolder;
  let root: string;
  let listener: Server;
  let connections = 0;
  let place: Place;

  before(async () => {
    folder = await FlowFolder.make();
    root = await realpath(await mkdtemp("/tmp/kflow-hostile-"));
    await mkdir(join(root, "outside"));
    listener = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", () => resolve()));
    await folder.write("work.ts", MODULE);
    place = await make(folder);
    await place.put("secret", "canary.txt", CANARY);
  }, SLOW);
  after(async () => {
    await kflow.endAll();
    await new Promise<void>((resolve) => listener.close(() => resolve()));
    await folder.remove();
    await rm(root, { recursive: true, force: true });
  });

  it(
    "are dead letters each, and reach no file outside; the objects between them arrive",
    SLOW,
    async () => {
      const { port } = listener.address() as { port: number };
      const strange: string[] = [];
      for (const key of STRANGE_KEYS) {
        if (await place.put("docs", key, `of ${key}`).then(() => true, () => false)) {
          strange.push(key);
        }
      }
      assert.ok(strange.length > STRANGE_KEYS.length / 2, `${strange}`);
      const outside = join(root, "outside");
      const hostile = [
        ...hostileKeys(outside).map((key) => ({ bucket: "docs", key })),
        ...hostileBuckets(port).map((bucket) => ({ bucket, key: "canary.txt" })),
        { bucket: "docs", key: "link/canary.txt" },
      ];
      const good = strange.map((key) => ({ bucket: "docs", key }));
      const records = hostile.flatMap((each, i) => [each, ...good.slice(i, i + 1)]);
      assert.equal(records.length, hostile.length + good.length);
      await folder.write("make.ts", `export default ${JSON.stringify(records)};`);
      const downloads = join(root, "downloads");
      const file = await folder.write(
        "pipeline.yaml",
        `
name: hostile-${crypto.randomUUID().slice(0, 8)}
mode: batch
globalConfig:
  store: ${place.store}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: ${SCHEMA}}
  - id: work
    type: raw
    module: ./work.ts
    globalConfig: {store: {autoDownload: true, buckets: ["*"]}}
    meta: {max.attempts: 1, download.directory: ${downloads}}
    schema: ${SEEN}
    out: [show]
  - {id: show, type: print}
`,
      );
      const { status, stdout, stderr } = await kflow.run(["run", file], { env: place.env });
      assert.equal(status, 3, stderr);
      const [inputs, outputs, , , dead] = countsOf(stdout, "work");
      assert.deepEqual(
        [inputs, outputs, dead],
        [records.length, good.length, hostile.length],
        stderr,
      );

      const seen = stdout.split("\n").filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line));
      assert.deepEqual(seen.map(({ key }) => key).sort(), strange.toSorted());
      for (const { key, path, content } of seen) {
        assert.equal(content, `of ${key}`);
        assert.match(path.slice(downloads.length), /^\/kflow-[0-9a-f-]{36}\/[0-9a-f-]{36}\/[^/]+$/);
      }
      assert.ok(!stdout.includes(CANARY) && !stderr.includes(CANARY));
      assert.equal(connections, 0, "something reached another host");
      assert.deepEqual((await readdir(root)).sort(), ["downloads", "outside"]);
      assert.deepEqual(await readdir(outside), []);
      assert.deepEqual(await readdir(downloads), []);
      // A name is told in one line, whatever it is.
      for (const line of stderr.split("\n").filter((each) => each !== "")) JSON.parse(line);
    },
  );

  it("as keys of a sink reach no file outside either", SLOW, async () => {
    const hostile = hostileKeys(join(root, "outside")).filter((key) => key !== "");
    const records = [...hostile, "fine/one", "two"].map((key) => ({ bucket: "docs", key }));
    await folder.write("make.ts", `export default ${JSON.stringify(records)};`);
    const file = await folder.write(
      "sink.yaml",
      `
name: hostile-${crypto.randomUUID().slice(0, 8)}
mode: batch
globalConfig:
  store: ${place.store}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [store], schema: ${SCHEMA}}
  - {id: store, type: s3-sink, topics: s3a://results, meta: {key: "{key}", max.attempts: 1}}
`,
    );
    const secrets = await place.keys("secret");
    const { status, stdout, stderr } = await kflow.run(["run", file], { env: place.env });
    assert.equal(status, 3, stderr);
    const dead = countsOf(stdout, "store")[4];
    const stored = await place.keys("results");
    assert.equal(stored.length, records.length - dead!, stderr);
    assert.ok(stored.includes("fine/one") && stored.includes("two"));
    // What may be stored is a name like another; a folder named `.` or `..` is none.
    for (const key of stored) assert.doesNotMatch(key, /(^|\/)\.\.?(\/|$)|^\//);
    assert.deepEqual(await place.keys("secret"), secrets);
    assert.deepEqual(await readdir(join(root, "outside")), []);
  });
}

describe("hostile names in records, on a store of folders", () => {
  const kflow = new CommandLine();
  testHostileNames(kflow, async (folder) => {
    for (const bucket of ["docs", "secret", "results"]) {
      await mkdir(folder.file(`data/${bucket}`), { recursive: true });
    }
    await symlink(folder.file("data/secret"), folder.file("data/docs/link"));
    return {
      store: '{addr: "file:./data"}',
      async put(bucket, key, content) {
        const path = folder.file(`data/${bucket}/${key}`);
        await mkdir(join(path, ".."), { recursive: true });
        await writeFile(path, content);
      },
      keys: async (bucket) => [...(await folder.files(`data/${bucket}`)).keys()],
    };
  });
});

onServers("hostile names in records, on an S3 server", (given) => {
  testHostileNames(given.kflow, async () => {
    const { servers } = given;
    await servers.makeBuckets("docs", "secret", "results");
    return {
      store: "{autoDownload: false}",
      put: (bucket, key, content) =>
        servers.store.put(bucket, key, new TextEncoder().encode(content)),
      keys: (bucket) => servers.keys(bucket),
      env: servers.environment(),
    };
  });
}, SLOW);
