import type { ReadTap } from "./read_tap.ts";
import type { SchemaNode } from "../schema/schema_node.ts";
import type { WriteTap } from "./write_tap.ts";

/** What avsc's module of types exports. */
export interface AvscLibrary {
  readonly Type: { forSchema(schema: unknown, options?: object): AvscType };
  readonly builtins: AvscClasses;
}

/** The inner side of avsc's types (version 5.7.9, `lib/types.js`): how they read, write and skip at a tap. */
export interface AvscType {
  _read(tap: ReadTap): unknown;
  _write(tap: WriteTap, value: unknown): void;
  _skip(tap: ReadTap): void;
  toBuffer(value: unknown): Uint8Array;
}

/** The type of each node of a schema. */
export type NodeTypes = Map<SchemaNode, AvscType>;

export interface AvscRecordType extends AvscType {
  readonly fields: readonly { readonly type: AvscType }[];
  _createConstructor(): object;
  _createReader(): (tap: ReadTap) => unknown;
  _createWriter(): (tap: WriteTap, value: unknown) => void;
  _createSkipper(): (tap: ReadTap) => void;
}

export type Constructor<T> = new (schema: object, options: object) => T;

/** avsc's classes. They are passed in, because only `avro.ts` may import avsc. */
export interface AvscClasses {
  NullType: Constructor<AvscType>;
  BooleanType: Constructor<AvscType>;
  IntType: Constructor<AvscType>;
  LongType: Constructor<AvscType>;
  FloatType: Constructor<AvscType>;
  DoubleType: Constructor<AvscType>;
  BytesType: Constructor<AvscType>;
  StringType: Constructor<AvscType>;
  FixedType: Constructor<AvscType>;
  EnumType: Constructor<AvscType>;
  ArrayType: Constructor<AvscType & { readonly itemsType: AvscType }>;
  MapType: Constructor<AvscType & { readonly valuesType: AvscType }>;
  WrappedUnionType: Constructor<AvscType & { readonly types: readonly AvscType[] }>;
  RecordType: Constructor<AvscRecordType>;
}
