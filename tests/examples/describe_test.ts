import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "kflow";
import describeDocument, { countLines, countWords } from "../../examples/quickstart/describe.ts";
import { mediaTypeOf, textOf } from "../../examples/quickstart/media_type.ts";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/quickstart", import.meta.url));
const DOCUMENTS = join(EXAMPLE, "data", "docs");

function keysOfDocuments(): string[] {
  return readdirSync(DOCUMENTS, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(DOCUMENTS, join(entry.parentPath, entry.name)).replaceAll(sep, "/"));
}

/** A context with as much as the function uses. */
function contextOf(content: Uint8Array): Context {
  const nothing = () => {};
  const fake: Pick<Context, "object"> & { log: Pick<Context["log"], "debug"> } = {
    object: () =>
      Promise.resolve(
        new ReadableStream<Uint8Array>({
          start(controller) {
            for (let at = 0; at < content.length; at += 7) {
              controller.enqueue(content.slice(at, at + 7));
            }
            controller.close();
          },
        }),
      ),
    log: { debug: nothing },
  };
  return fake as Context;
}

function typeOf(content: string | Uint8Array): string {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return mediaTypeOf(bytes, textOf(bytes));
}

describe("the quickstart example", () => {
  const expected: Record<string, object> = JSON.parse(
    readFileSync(join(EXAMPLE, "expected.json"), "utf8"),
  );

  it("ships the documents that it promises", () => {
    const keys = keysOfDocuments();
    assert.ok(keys.length >= 26);
    assert.deepEqual(keys.sort(), Object.keys(expected).sort());
    for (const part of [" ", "é", "+", "%20", "/2024/april/"]) {
      assert.ok(keys.some((key) => key.includes(part)), `no name has ${JSON.stringify(part)}`);
    }
    const types = new Set(Object.values(expected).map((one) => Reflect.get(one, "mediaType")));
    assert.ok(types.size >= 12, [...types].join());
  });

  for (const key of Object.keys(expected)) {
    it(`describes ${key} as computed by other means`, async () => {
      const content = new Uint8Array(readFileSync(join(DOCUMENTS, key)));
      const described = await describeDocument({ bucket: "docs", key }, contextOf(content));
      assert.deepEqual(described, expected[key]);
    });
  }

  it("emits records of the schema in pipeline.yaml", () => {
    const pipeline = readFileSync(join(EXAMPLE, "pipeline.yaml"), "utf8");
    const schema = /"name": "Description"/.exec(pipeline)!.index;
    const text = pipeline.slice(pipeline.lastIndexOf("schema: |", schema) + 9);
    const codec = new AvroCodec().parse(text.slice(0, text.indexOf("out:")));
    for (const record of Object.values(expected)) {
      assert.deepEqual(codec.toJson(codec.decode(codec.encode(record))), record);
    }
  });
});

describe("countLines()", () => {
  it("counts the last line with and without a break", () => {
    assert.deepEqual(["", "a", "a\n", "a\n\n", "a\r\nb"].map(countLines), [0, 1, 1, 2, 2]);
  });
});

describe("countWords()", () => {
  it("counts runs of letters, in any alphabet", () => {
    assert.equal(countWords("It's a well-known fact: 42 boats!"), 6);
    assert.equal(countWords("Το ποτάμι αρχίζει"), 3);
    assert.equal(countWords("يبدأ النهر خيطا"), 3);
    assert.equal(countWords("नदी एक पत्थर"), 3);
    assert.equal(countWords("  -- ' … "), 0);
  });

  it("counts each character of Chinese and Japanese", () => {
    assert.equal(countWords("河流从石头"), 5);
    assert.equal(countWords("ボート、3つ"), 5);
    assert.equal(countWords("in 東京 today"), 4);
  });
});

describe("mediaTypeOf()", () => {
  it("goes by the content", () => {
    assert.equal(typeOf(""), "application/x-empty");
    assert.equal(typeOf("plain words, one line"), "text/plain");
    assert.equal(typeOf("# Title\n\ntext"), "text/markdown");
    assert.equal(typeOf("a,b\n1,2\n"), "text/csv");
    assert.equal(typeOf('a,b\n"1,5",2\n'), "text/csv");
    assert.equal(typeOf("a,b\n1,2,3\n"), "text/plain");
    assert.equal(typeOf('[1, {"a": null}]'), "application/json");
    assert.equal(typeOf("{not json}"), "text/plain");
    assert.equal(typeOf('<svg width="1"/>'), "image/svg+xml");
    assert.equal(typeOf("<html><svg/></html>"), "text/plain");
    assert.equal(typeOf(Uint8Array.of(0xff, 0xfe, 1)), "application/octet-stream");
    assert.equal(typeOf(Uint8Array.of(0x1f, 0x8b, 8)), "application/gzip");
  });
});
