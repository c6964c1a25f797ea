import { after, afterEach, before, beforeEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { openNodeFiles } from "../../../adapters/shared/node/node_files.ts";
import type { QueueSpec } from "../../../src/broker/broker.ts";
import type { Files } from "../../../src/files/files.ts";
import type { Context } from "../../../src/api/context.ts";
import { Secret } from "../../../src/base/secret.ts";
import { S3Store, type S3StoreOptions } from "../../../src/store/s3/s3_store.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { receive, textOf } from "../../support/in_process/broker_probes.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";
import { type MinioServer, startMinio } from "../../support/servers/minio_server.ts";
import { makeBucket } from "../../support/servers/s3_requests.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

const MIB = 1024 * 1024;

onBothBrokers("automatic download from MinIO", (given) => {
  const skip = serverSkip("minio");
  const long = { skip };
  let minio: MinioServer;
  let root: string;
  let files: Files;
  const stores: S3Store[] = [];

  before(async () => {
    if (skip !== false) return;
    minio = await startMinio();
    await makeBucket(minio, "docs");
    const store = storeOf();
    for (const key of ["a.txt", "dir/b.txt"]) {
      await store.put("docs", key, new TextEncoder().encode(`content of ${key}`));
    }
  });
  after(async () => {
    for (const store of stores) await store.close();
    await minio?.stop();
  });
  beforeEach(async () => {
    root = await realpath(await mkdtemp("/tmp/kflow-downloads-"));
    files = await openNodeFiles(root, { below: "/tmp" });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  function storeOf(options: Partial<S3StoreOptions> = {}): S3Store {
    const { endpoint, user, password } = minio;
    const store = new S3Store({ endpoint, user, password: new Secret(password), ...options });
    stores.push(store);
    return store;
  }

  interface Place {
    bucket: string;
    key: string;
  }

  /** Runs `work` on the objects of these places; `seen` has what it was given. */
  async function download(
    places: Iterable<Place> | AsyncIterable<Place>,
    options: Partial<FlowOptions> & { side?: string } = {},
  ) {
    const { side = "{}", functions, ...rest } = options;
    const seen: { key: string; path: string | undefined; text?: string; attempt: number }[] = [];
    const result = await runFlow({
      yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:", buckets: ["*"]}}
dag:
  - id: make
    type: raw-source
    module: ./m.ts
    out: [work]
    schema: '{"type":"record","name":"p","fields":[{"name":"bucket","type":"string"},{"name":"key","type":"string"}]}'
  - id: work
    type: raw
    module: ./m.ts
    globalConfig: {store: {autoDownload: true}, sideStream: ${side}}
    meta: {retry.delay.ms: 1, max.attempts: 2}
`,
      broker: given.broker,
      store: storeOf(),
      files,
      functions: {
        make: () => places,
        async work({ key }: Place, ctx: Context) {
          const path = ctx.localPath;
          const text = path === undefined ? undefined : await readFile(path, "utf8");
          seen.push({ key, path, text, attempt: ctx.delivery.attempt });
        },
        ...functions,
      },
      ...rest,
    });
    const { counts, deadLetters } = result.task("work");
    const messages = result.logged.map((line) => String(line.message));
    return { ...result, seen, counts, deadLetters, messages };
  }

  const place = (key: string, bucket = "docs") => ({ bucket, key });

  it(
    "gives the function each object as a file, which is removed when the record is acknowledged",
    long,
    async () => {
      const { seen, counts } = await download([place("a.txt"), place("dir/b.txt")]);
      assert.deepEqual(seen.map(({ key, text }) => [key, text]), [
        ["a.txt", "content of a.txt"],
        ["dir/b.txt", "content of dir/b.txt"],
      ]);
      for (const { path } of seen) {
        assert.match(path!, new RegExp(`^${root}/[0-9a-f-]{36}/[ab]\\.txt$`));
      }
      assert.equal(counts.acked, 2);
      assert.deepEqual(await readdir(root), []);
    },
  );

  it("downloads the object again for the next attempt", long, async () => {
    const paths: string[] = [];
    const { counts } = await download([place("a.txt")], {
      functions: {
        work(_record: Place, ctx: Context) {
          paths.push(ctx.localPath!);
          if (ctx.delivery.attempt === 1) {
            throw new Error("once more");
          }
        },
      },
    });
    assert.equal(counts.acked, 1);
    assert.equal(new Set(paths).size, 2);
    assert.deepEqual(await readdir(root), []);
  });

  for (
    const [what, wrong, error] of [
      ["a missing object", { ...place("none.txt") }, /the object does not exist/],
      ["a missing bucket", { ...place("a.txt", "nowhere") }, /the bucket does not exist/],
      ["a key that no object can have", { ...place("../a.txt") }, /"\.\.\/a\.txt"/],
    ] as const
  ) {
    it(
      `${what} fails the record alone: tried again, reported, then a dead letter`,
      long,
      async () => {
        const stream = `errors-${crypto.randomUUID().slice(0, 8)}`;
        await given.broker.ensureQueues([errorQueue(stream)]);
        const { seen, counts, deadLetters, messages } = await download([wrong, place("a.txt")], {
          side: `{enabled: true, errorTopics: ${stream}.work, format: json}`,
        });
        assert.deepEqual(seen.map(({ key }) => key), ["a.txt"]);
        assert.deepEqual([counts.errors, counts.dead, counts.acked], [2, 1, 2]);
        assert.match(deadLetters[0]!.error, error);
        assert.equal(deadLetters[0]!.attempts, 2);
        assert.ok(
          !messages.some((message) => message.includes("is away")),
          `${messages}`,
        );
        assert.deepEqual(await readdir(root), []);
        for (const record of await errorRecords(stream, 2)) assert.match(record.error, error);
      },
    );
  }

  it("a store that denies access fails the record like any other error", long, async () => {
    const { seen, counts, deadLetters, messages } = await download([place("a.txt")], {
      store: storeOf({ user: undefined, password: undefined }),
    });
    assert.deepEqual(seen, []);
    assert.deepEqual([counts.errors, counts.dead], [2, 1]);
    assert.match(deadLetters[0]!.error, /denied/);
    assert.ok(!messages.some((message) => message.includes("is away")), `${messages}`);
  });

  it(
    "with KFLOW_SKIP_DOWNLOAD_ERROR calls the function without a file, and says why",
    long,
    async () => {
      const { seen, counts, logged } = await download([place("none.txt"), place("a.txt")], {
        settings: { skipDownloadError: true },
      });
      assert.deepEqual(seen.map(({ key, text, attempt }) => [key, text, attempt]), [
        ["none.txt", undefined, 1],
        ["a.txt", "content of a.txt", 1],
      ]);
      assert.equal(seen[0]!.path, undefined);
      assert.deepEqual([counts.errors, counts.acked], [0, 2]);
      const [skipped] = logged.filter((line) => line.message === "Download failed and is skipped");
      assert.equal(skipped?.level, "WARNING");
      assert.match(String(skipped?.reason), /the object does not exist/);
    },
  );

  it("waits while the store rejects the password, and counts no attempt", long, async () => {
    const store = storeOf({ password: new Secret(crypto.randomUUID()) });
    const { check } = store;
    store.check = async (bucket, signal) => {
      // From now on it takes it.
      const mended = storeOf();
      store.check = mended.check.bind(mended);
      store.get = mended.get.bind(mended);
      await check.call(store, bucket, signal);
    };
    const { seen, counts, messages } = await download([place("a.txt")], { store });
    assert.deepEqual(seen.map(({ text, attempt }) => [text, attempt]), [["content of a.txt", 1]]);
    assert.deepEqual([counts.errors, counts.acked], [0, 1]);
    assert.ok(messages.some((said) => said.startsWith("The store lets nobody in")), `${messages}`);
  });

  it("waits for an unreachable store, and counts no attempt", long, async () => {
    const store = storeOf({ timing: { tries: 2, backoffMs: 5 }, checkMs: 2000 });
    const asked = Promise.withResolvers<void>();
    const { check } = store;
    store.check = (bucket, signal) => {
      asked.resolve();
      return check.call(store, bucket, signal);
    };
    await minio.kill();
    const running = download([place("a.txt")], { store });
    await asked.promise;
    await minio.restart();
    const { seen, counts, messages } = await running;
    assert.deepEqual(seen.map(({ text, attempt }) => [text, attempt]), [["content of a.txt", 1]]);
    assert.deepEqual([counts.errors, counts.acked], [0, 1]);
    assert.ok(messages.some((message) => message.startsWith("The store is away")), `${messages}`);
  });

  it(
    "with KFLOW_DL_UP_PROGRESS logs how far a download over 1 MiB is, and an upload",
    long,
    async () => {
      await storeOf().put("docs", "large.bin", randomBytes(4 * MIB));
      const { logged } = await download([place("large.bin"), place("a.txt")], {
        settings: { progressPercent: 25 },
        functions: {
          work: ({ bucket, key }: Place, ctx: Context) =>
            ctx.store.upload(ctx.localPath!, bucket, `copy of ${key}`).then(() => {}),
        },
      });
      for (
        const [message, key] of [
          ["Download progress", "large.bin"],
          ["Upload progress", "copy of large.bin"],
        ]
      ) {
        const lines = logged.filter((line) => line.message === message);
        assert.ok(lines.length >= 2 && lines.length <= 4, `${lines.length} lines`);
        for (const { level, task, bucket, total, ...line } of lines) {
          assert.deepEqual([level, task, bucket, line.key, total], [
            "INFO",
            "work",
            "docs",
            key,
            4 * MIB,
          ]);
        }
        assert.deepEqual(lines.filter(({ percent }) => percent === 100).length, 1);
        assert.equal(lines.at(-1)!.bytes, 4 * MIB);
      }
    },
  );

  async function errorRecords(stream: string, count: number): Promise<{ error: string }[]> {
    const consumer = await given.broker.consume({
      queue: errorQueue(stream),
      group: "reader",
      ackWaitMs: 30_000,
      maxAckPending: 1000,
    });
    consumer.slots = 1000;
    const records = await receive(consumer, count);
    await consumer.close();
    return records.map((record) => JSON.parse(textOf(record)));
  }
});

function errorQueue(stream: string): QueueSpec {
  return { stream, subjects: `${stream}.>`, maxBytes: MIB, duplicateWindowMs: 60_000 };
}
