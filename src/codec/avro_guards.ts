import { recordConstructor, recordReader, recordWriter, writeLong } from "./record_code.ts";
import { kindOfValue } from "./schema_node.ts";
import type {
  AvscClasses,
  AvscResolver,
  AvscType,
  Constructor,
  ResolverOptions,
} from "./avsc_types.ts";
import type { ReadTap } from "./read_tap.ts";
import type { Taps } from "./taps.ts";
import type { WriteTap } from "./write_tap.ts";

const MAX_FLOAT = 3.4028234663852886e38;
/** More is not reserved before the items are seen to be there. */
const RESERVED_ITEMS = 1024;

/**
 * Builds avsc types that are safe with bytes and records of any origin; pass the result as avsc's `typeHook`. These are subclasses, so
 * avsc itself stays as it is for whoever else uses it. Against plain avsc: counts of arrays and maps are bounded by the bytes that are
 * there, block sizes cannot move backwards, depth is bounded, map keys cannot reach a prototype, decoded records are plain objects,
 * longs are exact, enums and unions look nothing up on a prototype, `Uint8Array` is taken for bytes, fields that the schema lacks are
 * errors.
 *
 * @param taps For the bytes of defaults.
 */
export function createTypeHook(
  avsc: AvscClasses,
  taps: Taps,
): (schema: unknown, options: object) => AvscType | undefined {
  class GuardedArray extends avsc.ArrayType {
    override _read(tap: ReadTap): unknown {
      return readArray(tap, this.itemsType, smallestItem(this.itemsType));
    }
    override _skip(tap: ReadTap): void {
      const { itemsType } = this;
      const smallest = smallestItem(itemsType);
      for (let n = tap.readBlock(smallest); n > 0; n = tap.readBlock(smallest)) {
        while (n-- > 0) itemsType._skip(tap);
      }
    }
    override _update(resolver: AvscResolver, writer: AvscType, options: ResolverOptions): void {
      super._update(resolver, writer, options);
      const { itemsType } = resolver;
      const written = writer.itemsType;
      if (!itemsType || !written) return;
      resolver._read = (tap) => readArray(tap, itemsType, smallestItem(written));
    }
  }

  class GuardedMap extends avsc.MapType {
    override _read(tap: ReadTap): unknown {
      return readMap(tap, this.valuesType, smallestEntry(this.valuesType));
    }
    override _skip(tap: ReadTap): void {
      const { valuesType } = this;
      const smallest = smallestEntry(valuesType);
      for (let n = tap.readBlock(smallest); n > 0; n = tap.readBlock(smallest)) {
        while (n-- > 0) {
          tap.skipString();
          valuesType._skip(tap);
        }
      }
    }
    override _write(tap: WriteTap, value: unknown): void {
      if (kindOfValue(value) !== "object") throw new TypeError("not a map");
      super._write(tap, value);
    }
    override _update(resolver: AvscResolver, writer: AvscType, options: ResolverOptions): void {
      super._update(resolver, writer, options);
      const { valuesType } = resolver;
      const written = writer.valuesType;
      if (!valuesType || !written) return;
      resolver._read = (tap) => readMap(tap, valuesType, smallestEntry(written));
    }
  }

  class GuardedRecord extends avsc.RecordType {
    override _createConstructor() {
      return recordConstructor(this.fields, taps);
    }
    override _createReader() {
      return recordReader(this.fields);
    }
    override _createSkipper() {
      const { fields } = this;
      return (tap: ReadTap) => {
        tap.enter();
        for (const field of fields) field.type._skip(tap);
        tap.depth--;
      };
    }
    override _createWriter() {
      return recordWriter(this.fields, taps);
    }
    override _update(resolver: AvscResolver, writer: AvscType, options: ResolverOptions): void {
      super._update(resolver, writer, options);
      const read: (this: AvscResolver, tap: ReadTap) => unknown = resolver._read;
      resolver._read = function (tap) {
        tap.enter();
        const value = read.call(resolver, tap);
        tap.depth--;
        return value;
      };
    }
  }

  class GuardedEnum extends avsc.EnumType {
    override _write(tap: WriteTap, value: unknown): void {
      const index = typeof value === "string" ? this._indices[value] : undefined;
      if (typeof index !== "number") throw new TypeError("not a symbol");
      tap.writeLong(index);
    }
  }

  class GuardedFixed extends avsc.FixedType {
    override _write(tap: WriteTap, value: unknown): void {
      if (!(value instanceof Uint8Array) || value.length !== this.size) {
        throw new TypeError("not fixed");
      }
      tap.writeFixed(value);
    }
  }

  class GuardedBytes extends avsc.BytesType {
    override _write(tap: WriteTap, value: unknown): void {
      if (!(value instanceof Uint8Array)) throw new TypeError("not bytes");
      tap.writeBytes(value);
    }
  }

  class GuardedLong extends avsc.LongType {
    override _read(tap: ReadTap): unknown {
      return tap.readExactLong();
    }
    override _write(tap: WriteTap, value: unknown): void {
      writeLong(tap, value);
    }
  }

  class GuardedFloat extends avsc.FloatType {
    override _write(tap: WriteTap, value: unknown): void {
      if (typeof value !== "number") throw new TypeError("not a number");
      if (Math.abs(value) > MAX_FLOAT && Number.isFinite(value)) throw new RangeError("no float");
      tap.writeFloat(value);
    }
  }

  class GuardedUnion extends avsc.UnwrappedUnionType {
    override _write(tap: WriteTap, value: unknown): void {
      const index = this._bucketIndices[kindOfValue(value)];
      if (index === undefined) throw new TypeError("not a branch");
      tap.writeLong(index);
      if (value !== null && value !== undefined) this.types[index]!._write(tap, value);
    }
    override _read(tap: ReadTap): unknown {
      return branchAt(this.types, tap)._read(tap);
    }
    override _update(resolver: AvscResolver, writer: AvscType, options: ResolverOptions): void {
      const reader = findBranch(this.types, writer, options)?.reader;
      if (reader) resolver._read = (tap) => reader._read(tap);
    }
    override _skip(tap: ReadTap): void {
      branchAt(this.types, tap)._skip(tap);
    }
  }

  class GuardedWrappedUnion extends avsc.WrappedUnionType {
    override _write(tap: WriteTap, value: unknown): void {
      if (value === null || value === undefined) {
        const index = this._branchIndices.null;
        if (index === undefined) throw new TypeError("not a branch");
        return tap.writeLong(index);
      }
      const keys = Object.keys(Object(value));
      const name = keys[0];
      if (keys.length !== 1 || name === undefined || !Object.hasOwn(this._branchIndices, name)) {
        throw new TypeError("not a branch");
      }
      const index = this._branchIndices[name]!;
      const inner: unknown = Object(value)[name];
      tap.writeLong(index);
      this.types[index]!._write(tap, inner);
    }
    override _read(tap: ReadTap): unknown {
      const branch = branchAt(this.types, tap);
      const value = branch._read(tap);
      return value === null ? null : { [branch.branchName!]: value };
    }
    override _skip(tap: ReadTap): void {
      branchAt(this.types, tap)._skip(tap);
    }
    override _update(resolver: AvscResolver, writer: AvscType, options: ResolverOptions): void {
      const found = findBranch(this.types, writer, options);
      if (!found) return;
      const { branch, reader } = found;
      const name = branch.branchName!;
      resolver._read = (tap) => {
        const value = reader._read(tap);
        return value === null ? null : { [name]: value };
      };
    }
  }

  const guarded = new Map<unknown, Constructor<AvscType>>([
    ["array", GuardedArray],
    ["map", GuardedMap],
    ["record", GuardedRecord],
    ["error", GuardedRecord],
    ["enum", GuardedEnum],
    ["fixed", GuardedFixed],
    ["bytes", GuardedBytes],
    ["long", GuardedLong],
    ["float", GuardedFloat],
  ]);

  return function typeHook(schema, options) {
    if (Array.isArray(schema)) {
      const Union = "wrapped" in schema && schema.wrapped ? GuardedWrappedUnion : GuardedUnion;
      return new Union(schema, options);
    }
    const Type = typeof schema === "object" && schema !== null && "type" in schema
      ? guarded.get(schema.type)
      : undefined;
    return Type ? new Type(Object(schema), options) : undefined;
  };
}

interface Readable {
  _read(tap: ReadTap): unknown;
}

function readArray(tap: ReadTap, items: Readable, smallest: 0 | 1): unknown[] {
  let n = tap.readBlock(smallest);
  const values: unknown[] = n <= RESERVED_ITEMS ? new Array<unknown>(n) : [];
  for (let i = 0; n > 0; n = tap.readBlock(smallest)) {
    while (n-- > 0) values[i++] = items._read(tap);
  }
  return values;
}

function readMap(tap: ReadTap, values: Readable, smallest: 1 | 2): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (let n = tap.readBlock(smallest); n > 0; n = tap.readBlock(smallest)) {
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

/** Whether a value takes any byte at all. Of a recursive type each cycle passes a union, array or map, which takes one. */
function smallestItem(type: AvscType): 0 | 1 {
  switch (type.typeName) {
    case "null":
      return 0;
    case "fixed":
      return type.size === 0 ? 0 : 1;
    case "record":
    case "error":
      return type.fields!.every((field) => smallestItem(field.type) === 0) ? 0 : 1;
    default:
      return 1;
  }
}

function smallestEntry(values: AvscType): 1 | 2 {
  return smallestItem(values) === 0 ? 1 : 2;
}

/**
 * The branch of a reader's union for a writer's type: the same type if it is there, else the first that can read it. avsc takes the first in
 * any case, a long then becomes a double, and it leaves resolvers that failed registered, to be taken for good ones later.
 */
function findBranch(types: readonly AvscType[], writer: AvscType, options: ResolverOptions) {
  const { registry } = options;
  const same = types.filter((one) => one.branchName === writer.branchName);
  for (const branch of [...same, ...types]) {
    const known = new Set(Object.keys(registry));
    try {
      return { branch, reader: branch.createResolver(writer, options) };
    } catch {
      for (const key of Object.keys(registry)) if (!known.has(key)) delete registry[key];
    }
  }
  return undefined;
}

function branchAt(types: readonly AvscType[], tap: ReadTap): AvscType {
  const index = tap.readLong();
  return types[index] ?? tap.fail(`union index ${index} is not below ${types.length}`);
}
