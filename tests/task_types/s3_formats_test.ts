import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryStore } from "../../src/store/memory.ts";
import { S3Store } from "../../src/store/s3/s3_store.ts";
import { type Store, StoreError } from "../../src/store/store.ts";
import { Secret } from "../../src/base/secret.ts";
import { readWithFastavro } from "../support/data/fastavro.ts";
import { runFlow } from "../support/in_process/flow.ts";
import { type MinioServer, startMinio } from "../support/servers/minio_server.ts";
import { makeBucket } from "../support/servers/s3_requests.ts";
import { serverSkip } from "../support/servers/server_binary.ts";

const SCHEMA = JSON.stringify({
  type: "record",
  name: "row",
  namespace: "kflow.tests",
  fields: [
    { name: "n", type: "int" },
    { name: "big", type: "long" },
    { name: "raw", type: "bytes" },
    { name: "maybe", type: ["null", "string"], default: null },
    {
      name: "in",
      type: { type: "record", name: "inner", fields: [{ name: "x", type: "double" }] },
    },
    { name: "tags", type: { type: "map", values: "string" } },
  ],
});

function rows(count: number) {
  return Array.from({ length: count }, (_, n) => ({
    n,
    big: 9_007_199_254_740_993n + BigInt(n),
    raw: new Uint8Array([0, 255, n % 256]),
    maybe: n % 2 === 0 ? null : `ü ${n}`,
    in: { x: n + 0.5 },
    tags: { a: "b" },
  }));
}

/** As they are in JSON. */
function plainRows(count: number): Record<string, unknown>[] {
  return rows(count).map((row) => ({
    ...row,
    big: String(row.big),
    raw: String.fromCharCode(...row.raw),
  }));
}

const BULK = "bulk.enabled: true, bulk.flush.timer: 20000, bulk.flush.size";

async function write(store: Store, options: {
  bucket?: string;
  format: string;
  meta?: string;
  count: number;
}) {
  const { bucket = "results", format, meta = "", count } = options;
  const result = await runFlow({
    yaml: `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [store]}
  - {id: store, type: s3-sink, topics: "s3a://${bucket}/out", format: ${format}, meta: {retry.delay.ms: 1, ${meta}}}
`,
    store,
    functions: { make: rows(count) },
  });
  const objects = new Map<string, Uint8Array>();
  for await (const page of store.list(bucket, "")) {
    for (const { key } of page) {
      objects.set(key, await new Response((await store.get(bucket, key)).body).bytes());
    }
  }
  return { ...result, objects };
}

function linesOf(body: Uint8Array): unknown[] {
  const text = new TextDecoder().decode(body);
  assert.ok(text.endsWith("\n"));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

const memory = () => new MemoryStore({ buckets: ["results"] });
const byNumber = (records: unknown[]) => (records as { n: number }[]).toSorted((a, b) => a.n - b.n);

describe("s3-sink formats", () => {
  it("json: one object per record, in bulk mode too", async () => {
    for (const meta of ["", `${BULK}: 4`]) {
      const { objects } = await write(memory(), { format: "json", meta, count: 10 });
      assert.equal(objects.size, 10);
      const records = [...objects.values()].flatMap((body) => linesOf(body));
      assert.deepEqual(byNumber(records), plainRows(10));
    }
  });

  it("ndjson: one line per object, in bulk mode one object per flush", async () => {
    const alone = await write(memory(), { format: "ndjson", count: 3 });
    assert.equal(alone.objects.size, 3);
    for (const [key, body] of alone.objects) {
      assert.match(key, /^out\/[\w.-]+\.ndjson$/);
      assert.equal(linesOf(body).length, 1);
    }
    const { objects } = await write(memory(), { format: "ndjson", meta: `${BULK}: 4`, count: 10 });
    const sizes = [...objects.values()].map((body) => linesOf(body).length);
    assert.deepEqual(sizes.toSorted(), [2, 4, 4]);
    assert.deepEqual(byNumber([...objects.values()].flatMap(linesOf)), plainRows(10));
  });

  it("makes one object per key of the template and flush, and never the same name twice", async () => {
    const { objects } = await write(memory(), {
      format: "ndjson",
      meta: `${BULK}: 4, key: "by-{maybe}/rows.ndjson"`,
      count: 4,
    });
    // Null fills no template: those two are dead letters after their attempts.
    assert.equal(objects.size, 2);
    for (const key of objects.keys()) {
      assert.match(key, /^out\/by-ü [13]\/rows-[0-9a-f]{16}\.ndjson$/);
    }
    const same = await write(memory(), {
      format: "ndjson",
      meta: `${BULK}: 4, key: "all.ndjson"`,
      count: 10,
    });
    assert.equal(same.objects.size, 3);
    assert.deepEqual(byNumber([...same.objects.values()].flatMap(linesOf)), plainRows(10));
  });

  for (const kind of ["unavailable", "unauthenticated"] as const) {
    it(`writes the whole bulk again, and nothing else, when its store was ${kind} for a while`, async () => {
      const store = memory();
      const put = store.put.bind(store);
      let calls = 0;
      store.put = (bucket, key, body, options) => {
        if (++calls !== 2) return put(bucket, key, body, options);
        const away = new StoreError("Cannot use the store", { kind, bucket, key });
        const check = store.check.bind(store);
        store.check = () => {
          store.check = check;
          return Promise.reject(away);
        };
        return Promise.reject(away);
      };
      const { objects, task } = await write(store, {
        format: "json",
        meta: `${BULK}: 5`,
        count: 5,
      });
      assert.equal(objects.size, 5);
      assert.equal(task("store").counts.errors, 0);
    });
  }

  it("fails only the records of an object that cannot be written", async () => {
    const store = memory();
    const put = store.put.bind(store);
    store.put = (bucket, key, body, options) =>
      key.includes("ü 3")
        ? Promise.reject(new StoreError("Not allowed", { kind: "denied", bucket, key }))
        : put(bucket, key, body, options);
    const { objects, task } = await write(store, {
      format: "json",
      meta: `${BULK}: 6, max.attempts: 2, key: "{n} {maybe}"`,
      count: 6,
    });
    // Of 1, 3 and 5, whose field is no null, only 3 is refused; 0, 2 and 4 cannot be named.
    assert.deepEqual([...objects.keys()].sort(), ["out/1 ü 1", "out/5 ü 5"]);
    assert.equal(task("store").counts.dead, 4);
  });
});

describe("s3-sink format avro, read by fastavro", { skip: serverSkip("fastavro") }, () => {
  it("gives every record back, one per object or one object per flush", async () => {
    for (const [meta, sizes] of [["", [1, 1, 1]], [`${BULK}: 2`, [1, 2]]] as const) {
      const { objects } = await write(memory(), { format: "avro", meta, count: 3 });
      const read = await Promise.all([...objects.values()].map(readWithFastavro));
      assert.deepEqual(read.map(({ records }) => records.length).toSorted(), sizes);
      assert.ok(read.every(({ schema }) => schema === "kflow.tests.row"));
      assert.deepEqual(byNumber(read.flatMap(({ records }) => records)), plainRows(3));
    }
  });

  it("gives back two thousand records in several blocks", async () => {
    const count = 2000;
    const meta = `${BULK}: ${count}, stream.max.bytes: 16000000`;
    const { objects } = await write(memory(), { format: "avro", meta, count });
    assert.equal(objects.size, 1);
    const { records } = await readWithFastavro([...objects.values()][0]!);
    assert.deepEqual(records, plainRows(count));
  });
});

describe("s3-sink formats on MinIO", { skip: serverSkip("minio", "fastavro") }, () => {
  let minio: MinioServer;
  let store: S3Store;

  before(async () => {
    minio = await startMinio();
    const { endpoint, user, password } = minio;
    store = new S3Store({ endpoint, user, password: new Secret(password) });
  });
  after(() => minio?.stop());

  for (const format of ["json", "ndjson", "avro"]) {
    it(`${format}: writes all records, one by one and in bulk mode`, async () => {
      for (const meta of ["", `${BULK}: 4`]) {
        const bucket = await makeBucket(minio);
        const { objects } = await write(store, { bucket, format, meta, count: 9 });
        const read = await Promise.all(
          [...objects.values()].map(async (body) =>
            format === "avro" ? (await readWithFastavro(body)).records : linesOf(body)
          ),
        );
        assert.deepEqual(byNumber(read.flat()), plainRows(9));
        assert.equal(objects.size, meta === "" || format === "json" ? 9 : 3);
      }
    });
  }
});
