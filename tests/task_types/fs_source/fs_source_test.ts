import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { MemoryState } from "../../../src/broker/memory/memory_state.ts";
import type { StateFile } from "../../../src/broker/memory/state_file.ts";
import { fsSource } from "../../../src/task_types/fs_source/fs_source.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { StateFileOfTest } from "../../support/in_process/state_file.ts";
import { planOf, runFlow } from "../../support/in_process/flow.ts";

interface Listed {
  url: string;
  bucket: string;
  key: string;
  lastModifiedUnixMilli: number;
}

function pipeline(options: { mode?: string; meta?: string; topics?: string } = {}): string {
  const { mode = "batch", meta = "{}", topics = "s3a://docs" } = options;
  return `
mode: ${mode}
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: "${topics}", meta: ${meta}, out: [work]}
  - {id: work, type: raw, module: ./x.ts, meta: {retry.delay.ms: 1, max.attempts: 2}}
`;
}

/** Versions of objects in the checkpoint. */
async function remembered(file: StateFileOfTest): Promise<number> {
  const entry = await new MemoryState(file).get("checkpoint.test.list.listed-0");
  return entry!.value.split("\n").length;
}

describe("fs-source", () => {
  let store: MemoryStore;
  let seen: string[];
  const note = ({ key }: Listed) => void seen.push(key);

  beforeEach(async () => {
    store = new MemoryStore({ buckets: ["docs"] });
    seen = [];
    for (const key of ["b", "c/d", "é +%20"]) await put(key, key);
  });

  async function put(key: string, text: string): Promise<void> {
    await store.put("docs", key, new TextEncoder().encode(text));
  }

  async function pass(file: StateFile, options: { fail?: string; run?: string } = {}) {
    seen = [];
    const broker = createMemoryBroker({ stateFile: file });
    const result = await runFlow({
      yaml: pipeline({ meta: "{checkpoint: true}" }),
      broker,
      store,
      run: options.run ?? crypto.randomUUID(),
      functions: {
        work: (record: Listed) => {
          if (record.key === options.fail) throw new Error("unreadable");
          note(record);
        },
      },
      deadLetters: { place: "nowhere", put: () => Promise.resolve() },
    });
    await broker.close();
    return result;
  }

  it("says every half minute how far a listing is", async () => {
    let seconds = 0;
    const pages = async function* () {
      for (let page = 0; page < 5; page++) {
        seconds += 20;
        const object = { bucket: "docs", size: 1, etag: "e", lastModifiedUnixMilli: 0 };
        yield await Promise.resolve([{ ...object, key: `${page}` }]);
      }
    };
    const slow = Object.assign(new MemoryStore({ buckets: ["docs"] }), { list: pages });
    const { tasks } = await planOf(pipeline());
    const { logged } = await runFlow({
      yaml: pipeline(),
      store,
      tasks: { list: { kind: "source", source: fsSource(tasks[0]!, slow, () => seconds * 1000) } },
      functions: { work: note },
    });
    assert.deepEqual(
      logged.filter(({ message }) => message === "Still listing").map(({ listed }) => listed),
      [2, 4],
    );
    assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
  });

  it("emits the four fields of s3list for every object", async () => {
    const records: Listed[] = [];
    await runFlow({
      yaml: pipeline(),
      store,
      functions: { work: (record: Listed) => void records.push(record) },
    });
    const listed = records.find((record) => record.key === "c/d")!;
    assert.equal(listed.url, "s3a://docs/c/d");
    assert.equal(listed.bucket, "docs");
    assert.equal(typeof listed.lastModifiedUnixMilli, "number");
    assert.deepEqual(records.map((record) => record.key).sort(), ["b", "c/d", "é +%20"]);
  });

  it("lists only what begins with the prefix of topics", async () => {
    await runFlow({
      yaml: pipeline({ topics: "s3a://docs/c" }),
      store,
      functions: { work: note },
    });
    assert.deepEqual(seen, ["c/d"]);
  });

  it("lists everything again in another run without a checkpoint", async () => {
    const broker = createMemoryBroker();
    for (const run of ["one", "two"]) {
      await runFlow({ yaml: pipeline(), store, broker, run, functions: { work: note } });
    }
    assert.equal(seen.length, 6);
    await broker.close();
  });

  it("with a checkpoint lists what is new or changed, whatever its name, and nothing else", async () => {
    const file = new StateFileOfTest();
    await pass(file);
    assert.equal(seen.length, 3);
    await pass(file);
    assert.deepEqual(seen, []);
    await put("a", "early in the alphabet");
    await put("c/d", "changed");
    await pass(file);
    assert.deepEqual(seen.sort(), ["a", "c/d"]);
  });

  it("does not remember what became a dead letter, so that the next run takes it again", async () => {
    const file = new StateFileOfTest();
    const { task } = await pass(file, { fail: "b" });
    assert.equal(task("work").counts.dead, 1);
    await pass(file);
    assert.deepEqual(seen, ["b"]);
  });

  it("does not remember what was listed and not worked off when the run was stopped", async () => {
    const file = new StateFileOfTest();
    const stop = new AbortController();
    const broker = createMemoryBroker({ stateFile: file });
    const done: string[] = [];
    await runFlow({
      yaml: pipeline({ meta: "{checkpoint: true}" }),
      broker,
      store,
      stop: stop.signal,
      functions: {
        work: async ({ key }: Listed) => {
          stop.abort();
          await Promise.resolve();
          done.push(key);
        },
      },
    });
    await broker.close();
    assert.equal(done.length, 1);
    await pass(file);
    assert.deepEqual([...done, ...seen].sort(), ["b", "c/d", "é +%20"]);
  });

  it("forgets objects that are gone: one that comes back is listed again", async () => {
    const file = new StateFileOfTest();
    await pass(file);
    assert.equal(await remembered(file), 3);
    await store.delete("docs", "b");
    await pass(file);
    assert.equal(await remembered(file), 2);
    await put("b", "b");
    await pass(file);
    assert.deepEqual(seen, ["b"]);
  });

  it("keeps looking in streaming mode and lists each version once", async () => {
    const stop = new AbortController();
    const enough = setTimeout(() => stop.abort(), 10_000);
    await runFlow({
      yaml: pipeline({ mode: "streaming", meta: "{poll.interval.ms: 100}" }),
      store,
      stop: stop.signal,
      functions: {
        work: async (record: Listed) => {
          note(record);
          if (seen.length === 3) await put("later", "1");
          if (seen.length === 4) await put("later", "changed");
          if (seen.length === 5) stop.abort();
        },
      },
    });
    clearTimeout(enough);
    assert.deepEqual(seen.sort(), ["b", "c/d", "later", "later", "é +%20"]);
  });

  it("ends a run with the store's reason when the bucket is missing", async () => {
    await assert.rejects(
      runFlow({ yaml: pipeline({ topics: "s3a://nowhere" }), store, functions: { work: note } }),
      /nowhere/,
    );
  });

  it("tries again when the store is away for a moment", async () => {
    const list = store.list.bind(store);
    let failures = 1;
    store.list = (bucket, prefix, signal) => {
      if (failures-- > 0) throw Object.assign(new Error("connection refused"));
      return list(bucket, prefix, signal);
    };
    const { task } = await runFlow({ yaml: pipeline(), store, functions: { work: note } });
    assert.equal(seen.length, 3);
    assert.equal(task("list").counts.errors, 1);
  });
});
