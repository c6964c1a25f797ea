import type { ItemSize, ReadTap } from "./read_tap.ts";
import { type LeastSize, valueCost } from "../value_budget.ts";

/** What reads one value. */
export interface ValueReader {
  _read(tap: ReadTap): unknown;
}

/** Longer blocks get no memory before their items are seen to be there. */
const RESERVED_ITEMS = 1024;

export function arrayItem(size: LeastSize): ItemSize {
  return { bytes: size.bytes, cost: valueCost(size) };
}

export function mapEntry({ values, bytes }: LeastSize): ItemSize {
  return { bytes: bytes + 1, cost: valueCost({ values, bytes }, 1) };
}

export function readArray(tap: ReadTap, items: ValueReader, size: ItemSize): unknown[] {
  let n = tap.readBlock(size);
  const values: unknown[] = n <= RESERVED_ITEMS ? new Array<unknown>(n) : [];
  for (let i = 0; n > 0; n = tap.readBlock(size)) {
    while (n-- > 0) values[i++] = items._read(tap);
  }
  return values;
}

export function readMap(
  tap: ReadTap,
  values: ValueReader,
  size: ItemSize,
): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (let n = tap.readBlock(size); n > 0; n = tap.readBlock(size)) {
    while (n-- > 0) {
      const key = tap.readString();
      const value = values._read(tap);
      if (key === "__proto__") setOwn(map, key, value);
      else map[key] = value;
    }
  }
  return map;
}

function setOwn(map: object, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
}
