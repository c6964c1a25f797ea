import { after, before, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Host } from "../../src/host.ts";
import { MemoryFiles } from "../../src/files/memory.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { onBothBrokers } from "../support/in_process/both_brokers.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { type FlowOptions, type FlowResult, runFlow } from "../support/in_process/flow.ts";
import { ownHost } from "../support/in_process/own_host.ts";

/** Tells all that it is given, in records. */
const TELL = `
import { AckError, AckException } from "kflow";

const text = async (stream) => await new Response(stream).text();
const caught = async (call) => {
  try {
    await call();
    return "nothing";
  } catch (error) {
    return error.constructor.name + "|" + error.name + "|" + error.message + "|" + (error.kind ?? "");
  }
};

export default class Tell {
  #opened = [];

  open(ctx) {
    this.#opened.push(ctx.flow, ctx.task, ctx.meta.getInteger("size"), ctx.meta.keys().sort().join());
    this.#opened.push(JSON.stringify(ctx.schemaIn), JSON.stringify(ctx.schemaOut), ctx.store.address);
    this.#opened.push(String(ctx.signal.aborted));
    ctx.schemaOut = { type: "record", name: "own", fields: [{ name: "lines", type: { type: "array", items: "string" } }] };
    ctx.log.with({ a: 1 }).warning("opened", { big: 5n, error: new Error("inner"), bytes: [1, 2] });
  }

  async process(record, ctx) {
    const { n, big, bytes, bucket, key } = record;
    const lines = this.#opened.map(String);
    lines.push(typeof n + n, typeof big + big, bytes.constructor.name + bytes.join());
    lines.push(JSON.stringify(ctx.recordAsJson()), ctx.recordAsAvro().schema.length + " " + ctx.recordAsAvro().body.join());
    lines.push(JSON.stringify(ctx.newRecord()), JSON.stringify(ctx.newRecord("notes")));
    lines.push(await caught(() => ctx.newRecord("nowhere")));
    const { id, sequence, attempt, timestamp } = ctx.delivery;
    lines.push(id.length + " " + sequence + " " + attempt + " " + (timestamp instanceof Date) + (Date.now() - timestamp < 60000));
    lines.push(ctx.flow, ctx.task, ctx.meta.getString("word"), await caught(() => ctx.meta.getInteger("word")));
    lines.push(await text(await ctx.object()), String(ctx.localPath?.endsWith("/" + key)));
    lines.push(String(AckError === AckException));

    const late = ctx.toSideStream("notes", { text: "note " + n });
    lines.push(String(await late));
    let synchronous = "no";
    try {
      void ctx.toSideStream("nowhere", {});
    } catch (error) {
      synchronous = error.constructor.name + error.message;
    }
    lines.push(synchronous);
    try {
      void ctx.toSideStream("notes", { text: 5 });
      synchronous = "no";
    } catch (error) {
      synchronous = error.constructor.name + error.path + error.message;
    }
    lines.push(synchronous);
    lines.push(await caught(() => ctx.requestAck()), await caught(() => ctx.flush("/etc/passwd")));

    const { store } = ctx;
    lines.push(await caught(() => store.get("docs", "nothing")), await caught(() => store.check("nowhere")));
    const put = await store.put("out", "x/" + n, new TextEncoder().encode("direct " + n), { contentType: "text/plain" });
    const streamed = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 5; i++) controller.enqueue(new Uint8Array(100_000).fill(65 + i));
        controller.close();
      },
    });
    await store.put("out", "y/" + n, streamed);
    const got = await store.get("out", "y/" + n);
    lines.push(put.etag, got.key + got.size, (await text(got.body)).length + "", (await store.get("out", "x/" + n)).contentType);
    const listed = [];
    for await (const page of store.list("out", "")) listed.push(...page.map((each) => each.key));
    lines.push(listed.filter((each) => each.endsWith("/" + n)).join());
    const half = await store.get("out", "y/" + n);
    await half.body.cancel("enough");
    await store.delete("out", "x/" + n);
    lines.push(await caught(() => store.get("out", "x/" + n)));
    const stop = new AbortController();
    stop.abort(new RangeError("no more"));
    lines.push(await caught(() => store.get("out", "y/" + n, { signal: stop.signal })));
    ctx.log.info("told", { n });
    return n === 2 ? [{ lines }, { lines: ["second"] }] : n === 3 ? undefined : { lines };
  }

  close(ctx) {
    ctx.log.info("closed " + ctx.task + ctx.flow);
  }
}
`;

/** Each record fails in its own way. */
const FAIL = `
import { AckError, StoreError } from "kflow";

class Own extends Error {}
class Never extends AckError {
  shouldAck() { return false; }
  payloadAsJson() { return false; }
}

export default {
  async process({ n }, ctx) {
    if (n === 0) throw new AckError("given up", { payloadAsJson: false });
    if (n === 1) throw new Never("said by a method");
    if (n === 2) throw new Own("of my own", { cause: new TypeError("below") });
    if (n === 3) throw "a text";
    if (n === 4) return { lines: "no list" };
    if (n === 5) { await ctx.store.get("docs", "not there"); }
    if (n === 6) { const nothing = undefined; nothing.x; }
    if (n === 7) throw new AckError("as JSON");
    if (n === 8) return { lines: [], more: 1 };
    if (n === 9) throw new DOMException("gone", "AbortError");
  },
};
`;

const RECORD = JSON.stringify({
  type: "record",
  name: "n",
  fields: [
    { name: "n", type: "int" },
    { name: "big", type: "long" },
    { name: "bytes", type: "bytes" },
    { name: "bucket", type: "string" },
    { name: "key", type: "string" },
  ],
});
const LINES =
  '{"type":"record","name":"l","fields":[{"name":"lines","type":{"type":"array","items":"string"}}]}';

function records(count: number) {
  return Array.from({ length: count }, (_, n) => ({
    n,
    big: 2n ** 60n + BigInt(n),
    bytes: new Uint8Array([n, 255]),
    bucket: "docs",
    key: "a.txt",
  }));
}

onBothBrokers("a function in a Worker", (given) => {
  let folder: FlowFolder;
  let host: Pick<Host, "loadModule" | "startThread">;

  before(async () => {
    host = await ownHost();
    folder = await FlowFolder.make();
    await folder.write("tell.ts", TELL);
    await folder.write("fail.ts", FAIL);
  });
  after(() => folder.remove());

  async function run(
    options: Partial<FlowOptions> & { module: string; meta?: string; isolate: boolean },
  ): Promise<FlowResult & { store: MemoryStore }> {
    const { module, meta = "", isolate, ...rest } = options;
    const store = new MemoryStore({ buckets: ["docs", "out"] });
    await store.put("docs", "a.txt", new TextEncoder().encode("an object"));
    const flow = given.flowId();
    const result = await runFlow({
      yaml: `
mode: batch
name: ${flow}
globalConfig: {store: {addr: "memory:", autoDownload: true, buckets: ["*"]}}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${RECORD}'}
  - id: work
    type: raw
    module: ${folder.file(module)}
    meta: {isolate: ${isolate}, size: 5, word: abc, retry.delay.ms: 1, max.attempts: 2, ${meta}}
    out: [show]
    schema: '${LINES}'
    sideOuts: [{id: notes, out: [showNotes], schema: '{"type":"record","name":"t","fields":[{"name":"text","type":"string"}]}'}]
  - {id: show, type: print}
  - {id: showNotes, type: print}
`,
      broker: given.broker,
      store,
      files: new MemoryFiles(),
      host,
      functions: { make: records(4) },
      ...rest,
    });
    // So that two runs can be compared.
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(flow, "FLOW"));
    return { ...result, printed: plain(result.printed), logged: plain(result.logged), store };
  }

  const of = (lines: Record<string, unknown>[], message: string) =>
    lines.filter((line) => String(line.message).startsWith(message))
      .map(({ time: _, ...line }) => line);

  it("is given and gives what it is given and gives outside of one", async () => {
    const inside = await run({ module: "tell.ts", isolate: true });
    const outside = await run({ module: "tell.ts", isolate: false });
    const lines = (result: FlowResult) =>
      result.printed.map((line) =>
        JSON.stringify(line).replaceAll("isolate", "").replaceAll(/"[0-9a-f]{32}"/g, '"etag"')
      ).sort();
    assert.equal(inside.printed.length, 8);
    assert.deepEqual(lines(inside), lines(outside));
    assert.deepEqual(of(inside.logged, "opened"), [
      {
        level: "WARNING",
        message: "opened",
        task: "work",
        a: 1,
        big: "5",
        error: "inner",
        bytes: [1, 2],
      },
    ]);
    for (const message of ["opened", "told", "closed"]) {
      assert.deepEqual(of(inside.logged, message), of(outside.logged, message));
    }
    assert.equal(of(inside.logged, "told").length, 4);
    assert.deepEqual(of(inside.logged, "closed").length, 1);
    for (const { counts } of [inside.task("work"), outside.task("work")]) {
      assert.deepEqual([counts.in, counts.out, counts.acked, counts.errors], [4, 4, 4, 0]);
    }
  });

  it("fails as it would fail outside of one", async () => {
    const options = { module: "fail.ts", functions: { make: records(10) }, meta: "concurrency: 1" };
    const inside = await run({ ...options, isolate: true });
    const outside = await run({ ...options, isolate: false });
    const failures = (result: FlowResult) =>
      ["Record given up", "Record failed", "Record is a dead"].flatMap((message) =>
        of(result.logged, message).map((line) =>
          `${line.level} ${line.message} ${line.record} ${line.error} ${line.attempt}`
        )
      ).sort();
    assert.deepEqual(failures(inside), failures(outside));
    assert.equal(inside.task("work").counts.dead, 8);
    assert.equal(failures(inside).filter((line) => line.includes("given up by")).length, 2);
    const stacks = inside.logged.filter(({ level, message }) =>
      level === "DEBUG" && String(message).includes("fail.ts")
    );
    assert.ok(stacks.length >= 3, "the stacks name the module");
  });
});
