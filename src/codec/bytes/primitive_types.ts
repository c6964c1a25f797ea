import type { AvscClasses, AvscType, Constructor } from "./avsc_types.ts";
import type { ReadTap } from "./read_tap.ts";
import { failWriting, writeLong } from "./record_code.ts";
import { type PrimitiveNode, PRIMITIVES } from "../schema/schema_node.ts";
import type { WriteTap } from "./write_tap.ts";

const MAX_FLOAT = 3.4028234663852886e38;

type Kind = PrimitiveNode["kind"];
type Write = (tap: WriteTap, value: unknown) => void;

/**
 * Makes avsc's primitive types with our way of writing: nothing is rounded, cut or converted in silence, longs are exact, and a value
 * that does not fit is not formatted for an error without a reader (`findMismatches` writes it).
 */
export function primitiveTypes(avsc: AvscClasses): ReadonlyMap<string, AvscType> {
  const classes: Readonly<Record<Kind, Constructor<AvscType>>> = {
    null: avsc.NullType,
    boolean: avsc.BooleanType,
    int: avsc.IntType,
    long: avsc.LongType,
    float: avsc.FloatType,
    double: avsc.DoubleType,
    bytes: avsc.BytesType,
    string: avsc.StringType,
  };
  return new Map(PRIMITIVES.map((kind) => {
    const Type = guarded(classes[kind], WRITE[kind]);
    return [kind, new (kind === "long" ? exact(Type) : Type)({}, {})];
  }));
}

function guarded(Base: Constructor<AvscType>, write: Write): Constructor<AvscType> {
  return class extends Base {
    /** avsc would compile two functions here that are not used. */
    _createBranchConstructor(): null {
      return null;
    }
    override _write(tap: WriteTap, value: unknown): void {
      write(tap, value);
    }
  };
}

function exact(Base: Constructor<AvscType>): Constructor<AvscType> {
  return class extends Base {
    override _read(tap: ReadTap): unknown {
      return tap.readExactLong();
    }
  };
}

const WRITE: Readonly<Record<Kind, Write>> = {
  null: (_tap, value) => {
    if (value !== null && value !== undefined) failWriting();
  },
  boolean: (tap, value) => {
    if (typeof value !== "boolean") failWriting();
    tap.writeBoolean(value);
  },
  int: (tap, value) => {
    if (typeof value !== "number" || value !== (value | 0)) failWriting();
    tap.writeLong(value);
  },
  long: writeLong,
  float: (tap, value) => {
    if (typeof value !== "number") failWriting();
    if (Math.abs(value) > MAX_FLOAT && Number.isFinite(value)) failWriting();
    tap.writeFloat(value);
  },
  double: (tap, value) => {
    if (typeof value !== "number") failWriting();
    tap.writeDouble(value);
  },
  bytes: (tap, value) => {
    if (!(value instanceof Uint8Array)) failWriting();
    tap.writeBytes(value);
  },
  string: (tap, value) => {
    if (typeof value !== "string") failWriting();
    tap.writeString(value);
  },
};
