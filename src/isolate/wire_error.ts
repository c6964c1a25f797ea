import { RecordError } from "../codec/codec.ts";
import { AckError } from "../api/ack_error.ts";
import { StoreError, type StoreErrorKind } from "../store/store.ts";

/** Anything that was thrown, as it crosses between threads: structured clone keeps neither classes nor methods. */
export type WireError = { readonly thrown: unknown } | {
  /** Name of its class. */
  readonly className: string;
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: WireError;
  /** What the runtime asks of it; absent for the errors that it does not look into. */
  readonly kind?: ErrorKind;
};

type ErrorKind =
  | { readonly of: "ack"; readonly ack: boolean; readonly payloadAsJson: boolean }
  | {
    readonly of: "store";
    readonly kind: StoreErrorKind;
    readonly bucket?: string;
    readonly key?: string;
  }
  | { readonly of: "record"; readonly path: string }
  | { readonly of: "dom" };

/** Causes of causes that are sent along. */
const DEPTH = 4;

const BUILT_IN = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

export function toWire(error: unknown, depth = DEPTH): WireError {
  if (!(error instanceof Error)) return { thrown: cloneable(error) };
  const { cause } = error;
  return {
    className: error.constructor.name,
    name: String(error.name),
    message: String(error.message),
    stack: typeof error.stack === "string" ? error.stack : undefined,
    cause: cause === undefined || depth === 0 ? undefined : toWire(cause, depth - 1),
    kind: kindOf(error),
  };
}

/** An error of the same class where the runtime knows it, else of one with the same name. */
export function fromWire(wire: WireError): unknown {
  if ("thrown" in wire) return wire.thrown;
  const error = revived(wire);
  // Some classes have a name of their own that cannot be assigned.
  Object.defineProperty(error, "name", { value: wire.name, configurable: true });
  if (wire.stack !== undefined) {
    Object.defineProperty(error, "stack", { value: wire.stack, configurable: true });
  }
  return error;
}

function kindOf(error: Error): ErrorKind | undefined {
  if (error instanceof AckError) {
    // A subclass may say it by a method of its own, which stays behind: it is asked here.
    return {
      of: "ack",
      ack: answerOf(() => error.shouldAck()),
      payloadAsJson: answerOf(() => error.payloadAsJson()),
    };
  }
  if (error instanceof StoreError) {
    const { kind, bucket, key } = error;
    return { of: "store", kind, bucket, key };
  }
  if (error instanceof RecordError) return { of: "record", path: error.path };
  return error instanceof DOMException ? { of: "dom" } : undefined;
}

function answerOf(ask: () => boolean): boolean {
  try {
    return ask() === true;
  } catch {
    return false;
  }
}

function revived(wire: Exclude<WireError, { thrown: unknown }>): Error {
  const { className, message, kind } = wire;
  const cause = wire.cause && fromWire(wire.cause);
  switch (kind?.of) {
    case "ack":
      return new (named(className, AckError))(message, {
        ack: kind.ack,
        payloadAsJson: kind.payloadAsJson,
        cause,
      });
    case "store":
      return new (named(className, StoreError))(message, { ...kind, cause });
    case "record":
      return new (named(className, RecordError))(message, kind.path);
    case "dom":
      return new DOMException(message, wire.name);
  }
  const builtIn = Object.hasOwn(BUILT_IN, className)
    ? BUILT_IN[className as keyof typeof BUILT_IN]
    : named(className, Error);
  return new builtIn(message, cause === undefined ? undefined : { cause });
}

/** The class, or a subclass of it with this name. */
function named<T extends new (...args: never[]) => Error>(name: string, base: T): T {
  if (base.name === name) return base;
  const made = class extends (base as new (...args: never[]) => Error) {};
  Object.defineProperty(made, "name", { value: name });
  return made as T;
}

function cloneable(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}
