import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type {
  BulkContext,
  Context,
  GeneratorContext,
  OpenContext,
  TaskStore,
} from "../../../mod.ts";
import { Secret } from "../../../src/base/secret.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { S3Store } from "../../../src/store/s3/s3_store.ts";
import type { Store } from "../../../src/store/store.ts";
import { createTaskStore } from "../../../src/runtime/downloads/file_store.ts";
import { TransferLog } from "../../../src/runtime/downloads/transfer_log.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type MinioServer, startMinio } from "../../support/servers/minio_server.ts";
import { quiet } from "../../support/in_process/quiet_log.ts";
import { makeBucket } from "../../support/servers/s3_requests.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { taskStoreOf } from "../../support/in_process/task_store.ts";

const MIB = 1024 * 1024;

let folder: FlowFolder;
let small: string;
before(async () => {
  folder = await FlowFolder.make();
  small = await folder.write("small.txt", "small file");
});
after(() => folder.remove());

async function textOf(store: Store, bucket: string, key: string): Promise<string> {
  return await new Response((await store.get(bucket, key)).body).text();
}

describe("upload() of a task's store", () => {
  it("stores the file with its content type and gives the ETag", async () => {
    const memory = new MemoryStore({ createBuckets: true });
    const store = taskStoreOf(memory);
    const { etag } = await store.upload(small, "docs", "a/b.txt", { contentType: "text/plain" });
    const object = await memory.get("docs", "a/b.txt");
    assert.equal(object.etag, etag);
    assert.equal(object.contentType, "text/plain");
    assert.equal(await new Response(object.body).text(), "small file");
  });

  for (
    const [what, path, reason] of [
      ["a missing file", "none/here.txt", "it does not exist"],
      ["a file in place of a folder", "small.txt/below", "it does not exist"],
      ["a folder", "", "it is no file"],
    ] as const
  ) {
    it(`names the path of ${what}, and stores nothing`, async () => {
      const memory = new MemoryStore({ createBuckets: true });
      const store = taskStoreOf(memory);
      await memory.put("docs", "other", new Uint8Array(1));
      const file = folder.file(path);
      await assert.rejects(store.upload(file, "docs", "key"), {
        message: `Cannot upload file ${JSON.stringify(file)}: ${reason}; check the path`,
      });
      await assert.rejects(memory.get("docs", "key"), { kind: "missing-key" });
    });
  }

  it("reads at most one piece ahead of the store, and closes the file", async () => {
    let pulled = 0;
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel() {
        cancelled = true;
      },
    }, { highWaterMark: 0 });
    const memory = new MemoryStore();
    memory.put = async (_bucket, _key, given) => {
      const reader = (given as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      // Whoever read ahead would have done so by now.
      await new Promise((resolve) => setTimeout(resolve, 0));
      await reader.cancel();
      throw new Error("enough");
    };
    const store = createTaskStore({
      store: memory,
      openFile: () => Promise.resolve({ size: 1024 * MIB, body }),
      transfers: new TransferLog({ log: quiet, percent: 1 }),
    });
    await assert.rejects(store.upload("any", "docs", "key"), /enough/);
    assert.ok(pulled <= 2, `${pulled} pieces`);
    assert.ok(cancelled);
  });

  it("ends with the reason of an abort", async () => {
    const store = taskStoreOf(new MemoryStore({ createBuckets: true }));
    const signal = AbortSignal.abort(new Error("stop now"));
    await assert.rejects(store.upload(small, "docs", "key", { signal }), /stop now/);
  });
});

describe("upload() to MinIO", { skip: serverSkip("minio") }, () => {
  let minio: MinioServer;
  let s3: S3Store;
  let store: TaskStore;
  before(async () => {
    minio = await startMinio();
    const { endpoint, user, password } = minio;
    s3 = new S3Store({ endpoint, user, password: new Secret(password) });
    store = taskStoreOf(s3);
    await makeBucket(minio, "docs");
  });
  after(async () => {
    await s3?.close();
    await minio?.stop();
  });

  it(
    "sends a small file whole and a large one in parts, content and type unchanged",
    async () => {
      const content = randomBytes(20 * MIB + 7);
      const large = await folder.write("large.bin", content);
      const { etag } = await store.upload(large, "docs", "large", { contentType: "image/tiff" });
      assert.match(etag, /-5$/, "five parts");
      const object = await s3.get("docs", "large");
      assert.deepEqual([object.size, object.contentType, object.etag], [
        content.length,
        "image/tiff",
        etag,
      ]);
      const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
      assert.equal(sha(await new Response(object.body).bytes()), sha(content));
      const one = await store.upload(small, "docs", "small");
      assert.doesNotMatch(one.etag, /-/);
      assert.equal(await textOf(s3, "docs", "small"), "small file");
    },
  );

  it("leaves no object when the bucket is missing or the file shrinks", async () => {
    await assert.rejects(store.upload(small, "nowhere", "key"), { kind: "missing-bucket" });
    const shrinking = createTaskStore({
      store: s3,
      openFile: () => Promise.resolve({ size: 99, body: new Response("less").body! }),
      transfers: new TransferLog({ log: quiet, percent: undefined }),
    });
    await assert.rejects(
      shrinking.upload("any", "docs", "shrunk"),
      /its body has 4 bytes, not the 99 announced/,
    );
    await assert.rejects(s3.get("docs", "shrunk"), { kind: "missing-key" });
  });
});

onBothBrokers("upload() from user code", (given) => {
  it(
    "is available in open, process, flush, and in a source's open and generator",
    async () => {
      const store = new MemoryStore({ createBuckets: true });
      const upload = (ctx: { store: TaskStore }, key: string) =>
        ctx.store.upload(small, "uploads", key);
      const { report } = await runFlow({
        yaml: `
mode: batch
name: ${given.flowId()}
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./m.ts, out: [work], schema: '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}'}
  - {id: work, type: raw, module: ./m.ts, out: [sink], schema: '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}'}
  - {id: sink, type: raw, module: ./m.ts, meta: {bulk: {enabled: true, flush: {size: 2, timer: 50}}}}
`,
        broker: given.broker,
        store,
        functions: {
          make: {
            open: async (ctx: OpenContext) => void await upload(ctx, "source-open"),
            async *generate(ctx: GeneratorContext) {
              await upload(ctx, "generate");
              yield { n: 1 };
            },
          },
          work: {
            open: async (ctx: OpenContext) => void await upload(ctx, "open"),
            async process(record: object, ctx: Context) {
              await upload(ctx, "process");
              return record;
            },
          },
          sink: {
            process() {},
            async flush(_records: unknown, ctx: BulkContext) {
              await upload(ctx, "flush");
              await upload(ctx.of(0), "flush-record");
            },
          },
        },
      });
      assert.deepEqual(report.tasks.map(({ counts }) => counts.errors), [0, 0, 0]);
      for (const key of ["source-open", "generate", "open", "process", "flush", "flush-record"]) {
        assert.equal(await textOf(store, "uploads", key), "small file", key);
      }
    },
  );
});
