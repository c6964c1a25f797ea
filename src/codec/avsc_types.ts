import type { ReadTap } from "./read_tap.ts";
import type { WriteTap } from "./write_tap.ts";

/** What avsc's module of types exports. */
export interface AvscLibrary {
  readonly Type: { forSchema(schema: unknown, options?: object): AvscType };
  readonly builtins: AvscClasses;
}

/** The inner side of avsc's types (version 5.7.9, `lib/types.js`): how they read, write and skip at a tap. */
export interface AvscType {
  readonly typeName: string;
  readonly name?: string;
  readonly branchName?: string;
  /** Of an array. */
  readonly itemsType?: AvscType;
  /** Of a map. */
  readonly valuesType?: AvscType;
  /** Of a fixed. */
  readonly size?: number;
  /** Of a record. */
  readonly fields?: readonly AvscField[];
  /** Of a union. */
  readonly types?: readonly AvscType[];
  _read(tap: ReadTap): unknown;
  _write(tap: WriteTap, value: unknown): void;
  _skip(tap: ReadTap): void;
  _update(resolver: AvscResolver, writer: AvscType, options: ResolverOptions): void;
  createResolver(writer: AvscType, options: Partial<ResolverOptions>): AvscResolver;
  toBuffer(value: unknown): Uint8Array;
}

export interface ResolverOptions {
  readonly ignoreNamespaces: boolean;
  /** Resolvers of records that were begun, by both names. */
  readonly registry: Record<string, AvscResolver>;
}

export interface AvscField {
  readonly name: string;
  readonly type: AvscType;
  /** Undefined if the field has none. */
  defaultValue(): unknown;
}

export interface AvscResolver {
  _read(tap: ReadTap): unknown;
  itemsType: AvscResolver | null;
  valuesType: AvscResolver | null;
}

export interface AvscRecordType extends AvscType {
  readonly fields: readonly AvscField[];
  _createConstructor(): object;
  _createReader(): (tap: ReadTap) => unknown;
  _createWriter(): (tap: WriteTap, value: unknown) => void;
  _createSkipper(): (tap: ReadTap) => void;
}
export type Constructor<T> = new (schema: object, options: object) => T;

/** avsc's classes that are guarded here. They are handed in, because only `avro.ts` may import avsc. */
export interface AvscClasses {
  ArrayType: Constructor<AvscType & { readonly itemsType: AvscType }>;
  MapType: Constructor<AvscType & { readonly valuesType: AvscType }>;
  RecordType: Constructor<AvscRecordType>;
  EnumType: Constructor<
    AvscType & { readonly symbols: readonly string[]; readonly _indices: Record<string, number> }
  >;
  FixedType: Constructor<AvscType & { readonly size: number }>;
  LongType: Constructor<AvscType>;
  FloatType: Constructor<AvscType>;
  BytesType: Constructor<AvscType>;
  UnwrappedUnionType: Constructor<
    AvscType & {
      readonly types: readonly AvscType[];
      readonly _bucketIndices: Record<string, number>;
    }
  >;
  WrappedUnionType: Constructor<
    AvscType & {
      readonly types: readonly AvscType[];
      readonly _branchIndices: Record<string, number>;
    }
  >;
}
