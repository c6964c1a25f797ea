import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createTestKit } from "kflow";
import describeDocument from "./describe.ts";

const text = (name: string) => ({ name, type: "string" });
const LISTED = { type: "record", name: "Listed", fields: [text("bucket"), text("key")] };
const perhaps = (name: string) => ({ name, type: ["null", "long"], default: null });
const DESCRIPTION = {
  type: "record",
  name: "Description",
  fields: [
    ...["bucket", "key", "mediaType", "sha256"].map(text),
    { name: "size", type: "long" },
    ...["lines", "words", "width", "height"].map(perhaps),
  ],
};

describe("the function of the quickstart", () => {
  it("describes a text, downloaded to a file", async () => {
    await using kit = await createTestKit({
      function: describeDocument,
      schemaIn: LISTED,
      schemaOut: DESCRIPTION,
      files: { "docs/notes/two lines.md": "# Boats\nThree of them\n" },
      autoDownload: true,
    });
    await kit.push({ bucket: "docs", key: "notes/two lines.md" });
    assert.deepEqual(kit.outputs, [{
      bucket: "docs",
      key: "notes/two lines.md",
      mediaType: "text/markdown",
      sha256: "4fcfc98f5201617aa986adf9784208509a750971dd5563e7f64aa42f9bfab74c",
      size: 22,
      lines: 2,
      words: 4,
      width: null,
      height: null,
    }]);
  });

  it("is tried again for a document that is gone", async () => {
    await using kit = await createTestKit({
      function: describeDocument,
      schemaIn: LISTED,
      schemaOut: DESCRIPTION,
    });
    await kit.push({ bucket: "docs", key: "gone.txt" });
    assert.equal(kit.nacked[0]!.delayMs, 1000);
    assert.match(kit.errorRecords[0]!.error, /gone\.txt/);
  });
});
