import type {
  AvscClasses,
  AvscRecordType,
  AvscType,
  Constructor,
  NodeTypes,
} from "../bytes/avsc_types.ts";
import { arrayItem, mapEntry, readArray, readMap } from "../bytes/block_reader.ts";
import { fieldDefault } from "../bytes/field_default.ts";
import type { LeastSizes } from "../bytes/least_sizes.ts";
import { primitiveTypes } from "../bytes/primitive_types.ts";
import type { ReadTap } from "../bytes/read_tap.ts";
import { failWriting, recordReader, recordWriter } from "../bytes/record_code.ts";
import {
  type ArrayNode,
  branchName,
  type EnumNode,
  type FixedNode,
  kindOfValue,
  type MapNode,
  type RecordNode,
  type SchemaNode,
  type UnionNode,
  valueKind,
} from "../schema/schema_node.ts";
import type { Taps } from "../bytes/taps.ts";
import { valueCost } from "../value_budget.ts";
import type { WriteTap } from "../bytes/write_tap.ts";

/** Options of avsc's `forSchema`; avsc passes them on to each part of the schema. */
export interface TypeOptions {
  readonly typeHook: TypeHook;
  /** Types by the names that `avscSchema` gives them. */
  readonly registry: object;
  readonly sizes: LeastSizes;
  /** Filled in: the type of each node. */
  readonly types: NodeTypes;
}

export type TypeHook = (schema: object | string, options: TypeOptions) => AvscType | undefined;

/**
 * Builds avsc types that are safe with bytes and records of any origin, as avsc's `typeHook`. These are subclasses, so that avsc itself
 * stays as it is for others who use it. Against plain avsc: counts of arrays and maps are bounded by the bytes and by a budget of
 * values, block sizes cannot move backwards, depth is bounded, no name is looked up on a prototype, decoded records are plain
 * objects, longs are exact, `Uint8Array` is taken for bytes, fields that the schema lacks are errors.
 *
 * @param taps For the bytes of defaults.
 */
export function createTypeHook(avsc: AvscClasses, taps: Taps): TypeHook {
  const primitives = primitiveTypes(avsc);
  return function typeHook(schema, options) {
    if (typeof schema === "string") return undefined;
    const { node } = schema as { node: SchemaNode };
    const type = primitives.get(node.kind) ??
      new (classFor(node, { avsc, taps, ...options }))(schema, options);
    options.types.set(node, type);
    return type;
  };
}

interface Setting extends TypeOptions {
  readonly avsc: AvscClasses;
  readonly taps: Taps;
}

function classFor(node: SchemaNode, setting: Setting): Constructor<AvscType> {
  switch (node.kind) {
    case "array":
      return arrayClass(node, setting);
    case "map":
      return mapClass(node, setting);
    case "record":
      return recordClass(node, setting);
    case "enum":
      return enumClass(node, setting);
    case "fixed":
      return fixedClass(node, setting);
    case "union":
      return unionClass(node, setting);
    default:
      throw new TypeError(`Cannot make a type of "${node.kind}"`);
  }
}

function arrayClass(node: ArrayNode, { avsc, sizes }: Setting): Constructor<AvscType> {
  const size = arrayItem(sizes.of(node.items));
  return class extends avsc.ArrayType {
    _createBranchConstructor(): null {
      return null;
    }
    override _read(tap: ReadTap): unknown {
      return readArray(tap, this.itemsType, size);
    }
    override _skip(tap: ReadTap): void {
      const { itemsType } = this;
      for (let n = tap.readBlock(size); n > 0; n = tap.readBlock(size)) {
        while (n-- > 0) itemsType._skip(tap);
      }
    }
    override _write(tap: WriteTap, value: unknown): void {
      if (!Array.isArray(value)) failWriting();
      tap.charge(value.length * size.cost);
      super._write(tap, value);
    }
  };
}

function mapClass(node: MapNode, { avsc, sizes }: Setting): Constructor<AvscType> {
  const size = mapEntry(sizes.of(node.values));
  return class extends avsc.MapType {
    _createBranchConstructor(): null {
      return null;
    }
    override _read(tap: ReadTap): unknown {
      return readMap(tap, this.valuesType, size);
    }
    override _skip(tap: ReadTap): void {
      const { valuesType } = this;
      for (let n = tap.readBlock(size); n > 0; n = tap.readBlock(size)) {
        while (n-- > 0) {
          tap.skipString();
          valuesType._skip(tap);
        }
      }
    }
    override _write(tap: WriteTap, value: unknown): void {
      if (kindOfValue(value) !== "object") failWriting();
      if (size.cost > 0) tap.charge(Object.keys(Object(value)).length * size.cost);
      super._write(tap, value);
    }
  };
}

function recordClass(node: RecordNode, { avsc, taps }: Setting): Constructor<AvscRecordType> {
  return class extends avsc.RecordType {
    override _createConstructor(): object {
      return Object;
    }
    _createChecker(): () => boolean {
      return () => true;
    }
    _createBranchConstructor(): null {
      return null;
    }
    override _createReader() {
      return recordReader(node, this.fields.map(({ type }) => type));
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
      return recordWriter(node.fields.map((field, i) => {
        const { type } = this.fields[i]!;
        return { node: field, type, default: fieldDefault(field, type, taps) };
      }));
    }
  };
}

function enumClass({ symbols }: EnumNode, { avsc }: Setting): Constructor<AvscType> {
  const indices = new Map<unknown, number>(symbols.map((symbol, i) => [symbol, i]));
  return class extends avsc.EnumType {
    _createBranchConstructor(): null {
      return null;
    }
    override _read(tap: ReadTap): unknown {
      const index = tap.readLong();
      return symbols[index] ?? tap.fail(`enum index ${index} is not below ${symbols.length}`);
    }
    override _write(tap: WriteTap, value: unknown): void {
      tap.writeLong(indices.get(value) ?? failWriting());
    }
  };
}

function fixedClass({ size }: FixedNode, { avsc }: Setting): Constructor<AvscType> {
  return class extends avsc.FixedType {
    _createBranchConstructor(): null {
      return null;
    }
    override _write(tap: WriteTap, value: unknown): void {
      if (!(value instanceof Uint8Array) || value.length !== size) failWriting();
      tap.writeFixed(value);
    }
  };
}

function unionClass(node: UnionNode, { avsc, sizes }: Setting): Constructor<AvscType> {
  const names = node.branches.map(branchName);
  const indices = new Map(
    node.wrapped
      ? names.map((name, i) => [name, i])
      : node.branches.map((branch, i) => [valueKind(branch), i]),
  );
  const nullIndex = node.branches.findIndex(({ kind }) => kind === "null");
  const costs = node.branches.map((branch) => valueCost(sizes.of(branch), 1));
  const costly = costs.some((cost) => cost > 0);

  class Union extends avsc.WrappedUnionType {
    override _read(tap: ReadTap): unknown {
      const index = tap.readLong();
      const branch = this.types[index] ?? noBranch(tap, index, names.length);
      if (costly) tap.charge(costs[index]!);
      return branch._read(tap);
    }
    override _skip(tap: ReadTap): void {
      const index = tap.readLong();
      const branch = this.types[index] ?? noBranch(tap, index, names.length);
      if (costly) tap.charge(costs[index]!);
      branch._skip(tap);
    }
    override _write(tap: WriteTap, value: unknown): void {
      if (value === null || value === undefined) this.writeBranch(tap, nullIndex, null);
      else this.writeBranch(tap, indices.get(kindOfValue(value)) ?? -1, value);
    }
    writeBranch(tap: WriteTap, index: number, value: unknown): void {
      const branch = this.types[index] ?? failWriting();
      tap.writeLong(index);
      if (costly) tap.charge(costs[index]!);
      branch._write(tap, value);
    }
  }
  if (!node.wrapped) return Union;
  return class extends Union {
    override _read(tap: ReadTap): unknown {
      const index = tap.readLong();
      const branch = this.types[index] ?? noBranch(tap, index, names.length);
      if (costly) tap.charge(costs[index]!);
      const value = branch._read(tap);
      return value === null ? null : { [names[index]!]: value };
    }
    override _write(tap: WriteTap, value: unknown): void {
      if (value === null || value === undefined) return this.writeBranch(tap, nullIndex, null);
      const [name, another] = Object.keys(Object(value));
      if (name === undefined || another !== undefined) failWriting();
      this.writeBranch(tap, indices.get(name) ?? -1, Object(value)[name]);
    }
  };
}

function noBranch(tap: ReadTap, index: number, count: number): never {
  return tap.fail(`union index ${index} is not below ${count}`);
}
