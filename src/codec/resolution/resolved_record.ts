import type { ValueReader } from "../bytes/block_reader.ts";
import { compile } from "../bytes/compile.ts";
import type { FieldDefault } from "../bytes/field_default.ts";
import type { ReadTap } from "../bytes/read_tap.ts";
import type { PrimitiveMethod, SkipMethod } from "./promotions.ts";

/** What is done with a field as the writer wrote it. */
export type WrittenStep =
  /** Read for these fields of the reader, by their index. */
  | {
    readonly reads: readonly {
      readonly index: number;
      readonly method?: PrimitiveMethod;
      readonly reader?: ValueReader;
    }[];
  }
  | { readonly skip: SkipMethod | { _skip(tap: ReadTap): void } };

export interface ResolvedField {
  readonly name: string;
  /** Of a field that the writer lacks. */
  readonly default?: FieldDefault;
}

/** Compiles the reader of a record that was written with another schema. The record has the reader's fields in the reader's order. */
export function resolvedRecordReader(
  steps: readonly WrittenStep[],
  fields: readonly ResolvedField[],
): (tap: ReadTap) => unknown {
  const names: string[] = [];
  const values: unknown[] = [];
  const given = (prefix: string, value: unknown): string => {
    const name = `${prefix}${names.length}`;
    names.push(name);
    values.push(value);
    return name;
  };
  const lines = steps.flatMap((step) => {
    if ("skip" in step) {
      const { skip } = step;
      return [typeof skip === "string" ? `t.${skip}();` : `${given("s", skip)}._skip(t);`];
    }
    const { reads } = step;
    return reads.flatMap(({ index, method, reader }, i) => {
      const read = method === undefined ? `${given("r", reader)}._read(t)` : `t.${method}()`;
      // A field that is read for several fields is read again from its start.
      if (reads.length === 1) return [`const v${index} = ${read};`];
      const move = i === 0 ? `const p${index} = t.pos;` : `t.pos = p${reads[0]!.index};`;
      return [move, `const v${index} = ${read};`];
    });
  });
  const record = fields.map(({ name, default: fallback }, i) =>
    `${name}: ${fallback === undefined ? `v${i}` : `${given("d", fallback)}.read()`}`
  );
  const body = `return function readResolved(t) {
    t.enter();
    ${lines.join("\n    ")}
    const record = { ${record.join(", ")} };
    t.depth--;
    return record;
  };`;
  return compile(names, body, values) as (tap: ReadTap) => unknown;
}
