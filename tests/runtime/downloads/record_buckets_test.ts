import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { MemoryFiles } from "../../../src/files/memory.ts";
import type { Context } from "../../../src/api/context.ts";
import { MemoryStore } from "../../../src/store/memory.ts";
import { runFlow } from "../../support/in_process/flow.ts";

const SCHEMA =
  '{"type":"record","name":"o","fields":[{"name":"bucket","type":"string"},{"name":"key","type":"string"}]}';

/** Sends a record of each bucket to a task that reads the object, and gives what it read and why others are dead letters. */
async function read(options: { download: boolean; buckets?: string; skipDownloadError?: boolean }) {
  const store = new MemoryStore({ buckets: ["public", "results", "secret", "constructor"] });
  for (const bucket of ["public", "results", "secret", "constructor"]) {
    await store.put(bucket, "k", new TextEncoder().encode(`of ${bucket}`));
  }
  const seen: string[] = [];
  const { task } = await runFlow({
    yaml: `
name: buckets
mode: batch
globalConfig: {store: {addr: "memory:"${options.buckets ?? ""}}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://public/in, out: [show]}
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [work, store]}
  - {id: work, type: raw, module: ./x.ts, globalConfig: {store: {autoDownload: ${options.download}}}}
  - {id: store, type: s3-sink, topics: s3a://results}
  - {id: show, type: print}
`,
    store,
    files: new MemoryFiles(),
    settings: { skipDownloadError: options.skipDownloadError ?? false },
    functions: {
      make: ["public", "results", "secret", "constructor"].map((bucket) => ({ bucket, key: "k" })),
      work: async (_record: unknown, ctx: Context) => {
        seen.push(await new Response(await ctx.object()).text());
      },
    },
    deadLetters: { place: "nowhere", put: () => Promise.resolve() },
  });
  return { seen: seen.sort(), letters: task("work").deadLetters };
}

describe("a record that names an object", () => {
  for (const download of [false, true]) {
    const how = download ? "by automatic download" : "by ctx.object()";
    it(`reads only from buckets that the file names, ${how}`, async () => {
      const { seen, letters } = await read({ download });
      assert.deepEqual(seen, ["of public", "of results"]);
      assert.deepEqual(letters.map(({ attempts }) => attempts), [1, 1]);
      assert.match(
        letters[0]!.error,
        /^Cannot read from bucket "secret": the record names it and the pipeline does not; list it in globalConfig\.store\.buckets/,
      );
    });

    it(`reads from the buckets that globalConfig.store.buckets adds, ${how}`, async () => {
      const { seen } = await read({ download, buckets: ", buckets: [secret]" });
      assert.deepEqual(seen, ["of public", "of results", "of secret"]);
    });

    it(`reads from every bucket if * is listed, ${how}`, async () => {
      const { seen } = await read({ download, buckets: ', buckets: ["*"]' });
      assert.equal(seen.length, 4);
    });
  }

  it("reads nothing of another bucket where failed downloads are skipped", async () => {
    const { seen } = await read({ download: true, skipDownloadError: true });
    assert.deepEqual(seen, ["of public", "of results"]);
  });
});
