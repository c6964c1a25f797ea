import assert from "node:assert/strict";
import { after, describe, it } from "@std/testing/bdd";
import { Secret } from "../../src/base/secret.ts";
import { S3Store, type S3StoreOptions } from "../../src/store/s3/s3_store.ts";
import { type MinioServer, startMinio } from "../support/servers/minio_server.ts";
import { newSecret } from "../support/run_record.ts";
import { makeBucket, s3Request } from "../support/servers/s3_requests.ts";
import { serverSkip } from "../support/servers/server_binary.ts";
import {
  bytes,
  counted,
  endless,
  keysOf,
  rejectsWith,
  testStore,
  textOf,
} from "../contracts/store_contract.ts";

const MIB = 1024 * 1024;
const WRONG = newSecret();

describe("S3Store on MinIO", { skip: serverSkip("minio") }, () => {
  let minio: MinioServer;
  let bucket: string;

  function storeOf(options: Partial<S3StoreOptions> = {}): S3Store {
    const { endpoint, user } = minio;
    return new S3Store({ endpoint, user, password: new Secret(minio.password), ...options });
  }

  // The server starts and ends in cases of its own, so that the report names what fails then.
  it("starts with a bucket", async () => {
    minio = await startMinio();
    bucket = await makeBucket(minio);
  });
  after(() => minio?.stop());

  testStore("S3 on MinIO", { keysAreFiles: false, keepsContentType: true }, async () => {
    const store = storeOf();
    return { store, bucket: await makeBucket(minio), end: () => store.close() };
  });

  async function uploadsOf(key: string): Promise<number> {
    const query = { uploads: "", prefix: key };
    const { text } = await s3Request(minio, { method: "GET", bucket, query });
    return text.split("<Upload>").length - 1;
  }

  it(
    "20 MiB go up with one part held, and come down no faster than they are read",
    async () => {
      let pulled = 0;
      let sent = 0;
      let ahead = 0;
      let received = 0;
      const store = storeOf({
        fetch: async (url, init) => {
          const response = await fetch(url, init);
          sent += (init.body as Uint8Array | undefined)?.length ?? 0;
          if (init.method !== "GET") return response;
          const reader = response.body!.getReader();
          const body = new ReadableStream<Uint8Array>({
            async pull(controller) {
              const { done, value } = await reader.read();
              if (done) return controller.close();
              received += value.length;
              controller.enqueue(value);
            },
          }, { highWaterMark: 0 });
          return new Response(body, response);
        },
      });
      const source = counted(20 * 16, () => {
        pulled += MIB / 16;
        ahead = Math.max(ahead, pulled - sent);
        return new Uint8Array(MIB / 16);
      });
      await store.put(bucket, "flat/up", source);
      assert.equal(pulled, 20 * MIB);
      assert.ok(ahead <= 8 * MIB + 2 * MIB / 16, `${ahead} bytes were held`);

      const { body, size } = await store.get(bucket, "flat/up");
      assert.equal(size, 20 * MIB);
      let read = 0;
      for await (const chunk of body) {
        read += chunk.length;
        assert.ok(received - read <= MIB, `${received - read} bytes were read ahead`);
      }
      assert.equal(read, size);
      await store.close();
    },
  );

  it(
    "a multipart upload whose body fails, is aborted or cut short leaves nothing",
    async () => {
      const store = storeOf();
      const part = () => new Uint8Array(MIB);
      const failing = counted(30, (i) => {
        if (i === 20) throw new Error("source broke");
        return part();
      });
      let during = 0;
      const watching = counted(30, (i) => {
        if (i === 20) throw new Error("source broke");
        return part();
      });
      const reader = watching.getReader();
      const slow = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { value } = await reader.read();
          during = Math.max(during, await uploadsOf("multi/watched"));
          controller.enqueue(value!);
        },
      }, { highWaterMark: 0 });
      await rejectsWith("unavailable", () => store.put(bucket, "multi/failing", failing));
      await rejectsWith("unavailable", () => store.put(bucket, "multi/watched", slow));
      assert.equal(during, 1, "the upload was under way in parts");
      await rejectsWith(
        "unavailable",
        () => store.put(bucket, "multi/short", counted(20, part), { size: 21 * MIB }),
      );
      const abort = new AbortController();
      const waiting = endless();
      const joined = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          controller.enqueue(new Uint8Array(20 * MIB));
          await waiting.stream.getReader().read();
        },
        cancel: () => {},
      }, { highWaterMark: 0 });
      const putting = store.put(bucket, "multi/aborted", joined, { signal: abort.signal });
      await waiting.asked;
      abort.abort(new Error("stop now"));
      await assert.rejects(() => putting, /stop now/);
      for (const key of ["failing", "watched", "short", "aborted"]) {
        assert.equal(await uploadsOf(`multi/${key}`), 0, key);
      }
      assert.deepEqual(await keysOf(store, bucket, "multi/"), []);
    },
  );

  it(
    "a body of exactly one part is not an upload in parts, and one byte more is",
    async () => {
      const methods: string[] = [];
      const store = storeOf({
        partSize: 5 * MIB,
        fetch: (url, init) => {
          methods.push(init.method ?? "");
          return fetch(url, init);
        },
      });
      await store.put(bucket, "parts/one", new Uint8Array(5 * MIB));
      assert.deepEqual(methods.splice(0), ["PUT"]);
      await store.put(bucket, "parts/two", new Uint8Array(5 * MIB + 1));
      assert.deepEqual(methods.splice(0), ["POST", "PUT", "PUT", "POST"]);
      const [one, two] = await Array.fromAsync(store.list(bucket, "parts/")).then((p) => p.flat());
      assert.equal(one?.size, 5 * MIB);
      assert.equal(two?.size, 5 * MIB + 1);
    },
  );

  it(
    "an upload whose completion was answered into the void is recognized by HEAD",
    async () => {
      let lost = 0;
      const store = storeOf({
        timing: { backoffMs: 1 },
        fetch: async (url, init) => {
          const response = await fetch(url, init);
          if (init.method !== "POST" || !url.includes("uploadId=")) return response;
          await response.body?.cancel();
          lost++;
          throw new TypeError("connection reset");
        },
      });
      const { etag } = await store.put(bucket, "lost/x", new Uint8Array(9 * MIB));
      assert.ok(lost > 0);
      const object = await storeOf().get(bucket, "lost/x");
      await object.body.cancel();
      assert.equal(object.etag, etag);
      assert.equal(object.size, 9 * MIB);
    },
  );

  it("a completion that was never received is a failure that leaves nothing", async () => {
    await storeOf().put(bucket, "never/x", bytes("older"));
    const store = storeOf({
      timing: { backoffMs: 1, tries: 3 },
      fetch: (url, init) =>
        init.method === "POST" && url.includes("uploadId=")
          ? Promise.reject(new TypeError("connection refused"))
          : fetch(url, init),
    });
    await rejectsWith("unavailable", () => store.put(bucket, "never/x", new Uint8Array(9 * MIB)));
    assert.equal(await uploadsOf("never/x"), 0);
    assert.equal(await textOf(storeOf(), bucket, "never/x"), "older");
  });

  it(
    "a wrong password and a wrong user are denied, naming address and user but no password",
    async () => {
      const wrong = [
        storeOf({ password: new Secret(WRONG) }),
        storeOf({ user: "nobody", password: new Secret(WRONG) }),
      ];
      for (const store of wrong) {
        for (
          const run of [
            () => store.check(bucket),
            () => store.get(bucket, "x"),
            () => store.put(bucket, "x", bytes(".")),
            () => store.delete(bucket, "x"),
          ]
        ) {
          const error = await rejectsWith("unauthenticated", run);
          assert.ok(error.message.includes(minio.endpoint));
          assert.match(error.message, /user "(user-|nobody)/);
          assert.match(error.message, /check user, password/);
          assert.ok(!`${error.message} ${error.stack} ${JSON.stringify(error)}`.includes(WRONG));
        }
      }
    },
  );

  it("without a user only public buckets can be used", async () => {
    const store = new S3Store({ endpoint: minio.endpoint });
    const error = await rejectsWith("denied", () => store.check(bucket));
    assert.match(error.message, /without a user.*give a user and a password/);
    const open = await makeBucket(minio);
    const policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{
        Effect: "Allow",
        Principal: { AWS: ["*"] },
        Action: ["s3:GetObject", "s3:ListBucket", "s3:PutObject"],
        Resource: [`arn:aws:s3:::${open}`, `arn:aws:s3:::${open}/*`],
      }],
    });
    await s3Request(minio, {
      method: "PUT",
      bucket: open,
      query: { policy: "" },
      body: new TextEncoder().encode(policy),
    });
    await store.check(open);
    await store.put(open, "a b", bytes("public"));
    assert.equal(await textOf(store, open, "a b"), "public");
    assert.deepEqual(await keysOf(store, open, ""), ["a b"]);
  });

  it("credentials in the address are used, and do not show in it", async () => {
    const { user, password } = minio;
    const store = new S3Store({
      endpoint: minio.endpoint.replace("//", `//${user}:${password}@`) + "/",
    });
    assert.equal(store.address, minio.endpoint);
    await store.check(bucket);
  });

  it("a clock that is wrong has a message of its own", async () => {
    const store = storeOf({ now: () => Date.now() + 3_600_000 });
    const error = await rejectsWith("unauthenticated", () => store.check(bucket));
    assert.match(error.message, /clock .* too far apart; set the clock/);
  });

  it("an object stored with a content encoding comes back byte for byte", async () => {
    const packed = new Uint8Array(
      await new Response(
        new Blob(["text ".repeat(1000)]).stream().pipeThrough(new CompressionStream("gzip")),
      ).arrayBuffer(),
    );
    await s3Request(minio, {
      method: "PUT",
      bucket,
      key: "packed",
      headers: { "content-encoding": "gzip" },
      body: packed,
    });
    const object = await storeOf().get(bucket, "packed");
    assert.equal(object.size, packed.length);
    assert.deepEqual(new Uint8Array(await new Response(object.body).arrayBuffer()), packed);
  });

  it("a server that is away for a moment is waited for", async () => {
    const store = storeOf();
    await store.put(bucket, "away", bytes("before"));
    await minio.kill();
    const reading = textOf(store, bucket, "away");
    await minio.restart();
    assert.equal(await reading, "before");
  });

  it(
    "a server that stays away is unavailable, and the message says what to check",
    async () => {
      await minio.kill();
      try {
        const store = storeOf({ timing: { tries: 2, backoffMs: 10 } });
        const error = await rejectsWith("unavailable", () => store.check(bucket));
        assert.match(error.message, /cannot be reached: .*check the address.*after 2 tries/);
        assert.ok(error.message.includes(minio.endpoint));
      } finally {
        await minio.restart();
      }
    },
  );

  it("ends and leaves nothing behind", () => minio.stop());
});
