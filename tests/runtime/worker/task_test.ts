import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryFiles } from "../../../src/files/memory.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import type { Context } from "../../../src/api/context.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const PIPELINE = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - id: list
    type: fs-source
    format: list
    topics: s3a://docs
    out: [work]
  - id: work
    type: raw
    module: ./work.ts
    META
    schema: |
      {"type": "record", "name": "result", "fields": [{"name": "key", "type": "string"}, {"name": "n", "type": "long"}]}
    out: [show]
  - id: show
    type: print
`;

function pipeline(meta = "", extra = ""): string {
  return PIPELINE.replace("META", meta === "" ? "imagePullPolicy: Always" : `meta: ${meta}`) +
    extra;
}

async function docs(...keys: string[]): Promise<MemoryStore> {
  const store = new MemoryStore({ buckets: ["docs", "results"] });
  for (const key of keys) await store.put("docs", key, new TextEncoder().encode(key));
  return store;
}

interface Listed {
  key: string;
}

function keys(printed: unknown[]): string[] {
  return printed.map((line) => (line as Listed).key).sort();
}

describe("a task", () => {
  it("processes every record once and publishes its outputs", async () => {
    const store = await docs("a", "b", "c");
    const { printed, task } = await runFlow({
      yaml: pipeline(),
      store,
      functions: { work: ({ key }: Listed) => ({ key, n: key.length }) },
    });
    assert.deepEqual(keys(printed), ["a", "b", "c"]);
    assert.equal(task("work").counts.in, 3);
    assert.equal(task("work").counts.out, 3);
    assert.equal(task("work").counts.acked, 3);
    assert.equal(task("show").counts.acked, 3);
  });

  it("accepts a promise, several records and none from a function", async () => {
    const { printed } = await runFlow({
      yaml: pipeline(),
      store: await docs("none", "one", "two"),
      functions: {
        work: async ({ key }: Listed) => {
          await Promise.resolve();
          if (key === "none") return undefined;
          return key === "one" ? { key, n: 1 } : [{ key, n: 1 }, { key: key + "!", n: 2 }];
        },
      },
    });
    assert.deepEqual(keys(printed), ["one", "two", "two!"]);
  });

  it("calls open, process and close of a class", async () => {
    const calls: string[] = [];
    class Work {
      open() {
        calls.push("open");
      }
      process() {
        calls.push("process");
      }
      close() {
        calls.push("close");
      }
    }
    await runFlow({ yaml: pipeline(), store: await docs("a"), functions: { work: Work } });
    assert.deepEqual(calls, ["open", "process", "close"]);
  });

  it("retries a failed record, and stores its outputs once", async () => {
    const attempts: number[] = [];
    const { printed, task } = await runFlow({
      yaml: pipeline("{retry.delay.ms: 1}"),
      store: await docs("a", "b"),
      functions: {
        work: ({ key }: Listed, ctx: Context) => {
          if (key === "a") attempts.push(ctx.delivery.attempt);
          if (key === "a" && ctx.delivery.attempt < 3) throw new Error("not yet");
          return { key, n: 1 };
        },
      },
    });
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(keys(printed), ["a", "b"]);
    assert.equal(task("work").counts.errors, 2);
    assert.equal(task("work").counts.redelivered, 2);
    assert.equal(task("work").counts.dead, 0);
  });

  it("makes a record a dead letter after max.attempts and names it", async () => {
    const kept: string[] = [];
    const { printed, task } = await runFlow({
      yaml: pipeline("{retry.delay.ms: 1, max.attempts: 2}"),
      store: await docs("a", "bad"),
      functions: {
        work: ({ key }: Listed) => {
          if (key === "bad") throw new Error("cannot read it");
          return { key, n: 1 };
        },
      },
      deadLetters: {
        place: "here",
        put: (_delivery, notice) => {
          kept.push(`${notice.task} ${notice.attempts} ${notice.error}`);
          return Promise.resolve();
        },
      },
    });
    assert.deepEqual(keys(printed), ["a"]);
    assert.deepEqual(kept, ["work 2 cannot read it"]);
    assert.equal(task("work").counts.dead, 1);
    assert.equal(task("work").deadLetters[0]!.record, "docs/bad");
  });

  it("acks a record that an AckError gives up, and retries one that it does not", async () => {
    const attempts: Record<string, number> = {};
    const { printed, task } = await runFlow({
      yaml: pipeline("{retry.delay.ms: 1}"),
      store: await docs("drop", "keep"),
      functions: {
        work: ({ key }: Listed, ctx: Context) => {
          attempts[key] = ctx.delivery.attempt;
          if (key === "drop") throw new AckError("never");
          if (ctx.delivery.attempt === 1) throw new AckError("later", { ack: false });
          return { key, n: 1 };
        },
      },
    });
    assert.deepEqual(attempts, { drop: 1, keep: 2 });
    assert.deepEqual(keys(printed), ["keep"]);
    assert.equal(task("work").counts.dead, 0);
  });

  it("publishes nothing of a call whose last record does not fit the schema", async () => {
    const { printed, task } = await runFlow({
      yaml: pipeline("{retry.delay.ms: 1, max.attempts: 1}"),
      store: await docs("a"),
      functions: { work: ({ key }: Listed) => [{ key, n: 1 }, { key, n: "many" }] },
    });
    assert.deepEqual(printed, []);
    assert.match(task("work").deadLetters[0]!.error, /n: expected long, got "many"/);
  });

  it("gets a record again when its ack wait passes, without storing the outputs twice", async () => {
    let calls = 0;
    const { printed } = await runFlow({
      yaml: pipeline("{max.poll.interval.ms: 1000}"),
      store: await docs("a"),
      functions: {
        work: async ({ key }: Listed) => {
          if (++calls === 1) await new Promise((resolve) => setTimeout(resolve, 1300));
          return { key, n: 1 };
        },
      },
    });
    assert.deepEqual(keys(printed), ["a"]);
  });

  it("extends the ack wait while the function runs if it is asked to", async () => {
    let calls = 0;
    await runFlow({
      yaml: pipeline("{max.poll.interval.ms: 1000}"),
      store: await docs("a"),
      settings: { longRunning: true },
      functions: {
        work: async () => {
          calls++;
          await new Promise((resolve) => setTimeout(resolve, 2500));
        },
      },
    });
    assert.equal(calls, 1);
  });

  it("downloads what a record names and removes it after the ack", async () => {
    const files = new MemoryFiles();
    const seen: string[] = [];
    await runFlow({
      yaml: pipeline("{}").replace(
        "    schema: |",
        "    globalConfig: {store: {autoDownload: true}}\n    schema: |",
      ),
      store: await docs("dir/a b.txt"),
      files,
      functions: {
        work: async (_record: Listed, ctx: Context) => {
          seen.push(ctx.localPath!.split("/").at(-1)!);
          seen.push(await new Response(await ctx.object()).text());
        },
      },
    });
    assert.deepEqual(seen, ["a b.txt", "dir/a b.txt"]);
    assert.deepEqual(await files.list(""), []);
  });

  it("runs as many calls at once as meta.concurrency says", async () => {
    let now = 0;
    let most = 0;
    await runFlow({
      yaml: pipeline("{concurrency: 3}"),
      store: await docs("a", "b", "c", "d", "e", "f", "g"),
      functions: {
        work: async () => {
          most = Math.max(most, ++now);
          await new Promise((resolve) => setTimeout(resolve, 5));
          now--;
        },
      },
    });
    assert.equal(most, 3);
  });

  it("stops gently: running calls finish, and the rest is left for the next run", async () => {
    const stop = new AbortController();
    const done: string[] = [];
    const { report, task } = await runFlow({
      yaml: pipeline(),
      store: await docs("a", "b", "c"),
      stop: stop.signal,
      functions: {
        work: async ({ key }: Listed) => {
          stop.abort();
          await Promise.resolve();
          done.push(key);
          return { key, n: 1 };
        },
      },
    });
    assert.deepEqual(done, ["a"]);
    assert.equal(task("work").counts.acked, 1);
    assert.equal(report.finished, false);
  });
});
