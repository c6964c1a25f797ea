import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { AvroCodec } from "../../src/codec/avro/avro_codec.ts";
import { DecodeError } from "../../src/codec/codec.ts";
import { avroContainer } from "../../src/codec/container_writer.ts";
import { readAvroContainer } from "../../src/codec/container_reader.ts";

const SCHEMA = '{"type":"record","name":"R","fields":[{"name":"f","type":"string"}]}';
const schema = new AvroCodec().parse(SCHEMA);
const SYNC = Uint8Array.from({ length: 16 }, (_none, i) => i);

function file(texts: readonly string[]): Uint8Array {
  const bodies = texts.map((f) => schema.encode({ f }));
  return avroContainer({ schema: SCHEMA, bodies, sync: SYNC });
}

async function textsIn(bytes: Uint8Array, most = 1 << 20): Promise<unknown[]> {
  const { blocks, schema: text } = await readAvroContainer(bytes, { mostBytes: most });
  const reader = new AvroCodec().parse(text);
  return blocks.flatMap(({ bytes, count }) => [...reader.decodeEach(bytes, count)]).map(({ f }) =>
    f
  );
}

/** The same file with its one block packed. */
function packed(texts: readonly string[], codec = "deflate"): Uint8Array {
  const bodies = new Uint8Array(texts.flatMap((f) => [...schema.encode({ f })]));
  const block = new Uint8Array(deflateRawSync(bodies));
  const text = (value: string) => {
    const bytes = new TextEncoder().encode(value);
    return [...long(bytes.length), ...bytes];
  };
  const meta = [...long(2), ...text("avro.schema"), ...text(SCHEMA), ...text("avro.codec")];
  const head = [0x4f, 0x62, 0x6a, 1, ...meta, ...text(codec), 0, ...SYNC];
  return new Uint8Array([
    ...head,
    ...long(texts.length),
    ...long(block.length),
    ...block,
    ...SYNC,
  ]);
}

function long(value: number): number[] {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push(rest % 128 | 0x80);
  return [...bytes, rest];
}

describe("readAvroContainer()", () => {
  const many = Array.from({ length: 5_000 }, (_none, i) => `record ${i} ${"x".repeat(20)}`);

  it("reads what our writer writes, of one block and of several", async () => {
    assert.deepEqual(await textsIn(file(["a", "ü", ""])), ["a", "ü", ""]);
    assert.deepEqual(await textsIn(file(many)), many);
    assert.deepEqual(await textsIn(file([])), []);
  });

  it("reads deflated blocks", async () => {
    assert.deepEqual(await textsIn(packed(many)), many);
  });

  it("refuses what is larger than it may be, packed or not, and codecs that it does not know", async () => {
    await assert.rejects(textsIn(file(many), 1_000), DecodeError);
    await assert.rejects(textsIn(packed(["x".repeat(1 << 24)]), 1 << 20), /too much/);
    await assert.rejects(textsIn(packed(["a"], "zstandard")), /codec is "zstandard"/);
  });

  it("refuses every file that is cut short or changed at its marks", async () => {
    const whole = file(["a", "bc"]);
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      const head = await readAvroContainer(cut, { mostBytes: 1000 }).then(
        ({ blocks }) => blocks,
        () => undefined,
      );
      // Right after the head it is a file without records.
      if (head !== undefined) assert.deepEqual(head, [], String(length));
    }
    for (const at of [0, 3, whole.length - 1]) {
      const changed = whole.slice();
      changed[at]! ^= 0xff;
      await assert.rejects(
        readAvroContainer(changed, { mostBytes: 1000 }),
        DecodeError,
        String(at),
      );
    }
  });
});
