import { got, gotKind } from "../reading/schema.ts";
import { namesSecret } from "../reading/without_secrets.ts";

/**
 * The `meta` of a task with all keys dotted: `download: {directory: /tmp/x}` and `download.directory: /tmp/x` are the same.
 * Values are what YAML says they are: `"5"` is no number. Each getter throws if the value is missing and there is no default,
 * or if it is of another type.
 */
export class Meta {
  readonly #task: string;
  readonly #values: ReadonlyMap<string, unknown>;

  /** Takes values by dotted key; the task is named in errors. */
  constructor(task: string, values: ReadonlyMap<string, unknown> = new Map()) {
    this.#task = task;
    this.#values = values;
  }

  /** Whether the file has the key. */
  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Dotted, in the file's order. */
  keys(): string[] {
    return [...this.#values.keys()];
  }

  /** The value as it is: a string, number, boolean, null or list; undefined if there is none. */
  get(key: string): unknown {
    return this.#values.get(key);
  }

  /** A text, which has to be there. */
  getString(key: string): string;
  /** A text, or `fallback` if it is missing. */
  getString<T>(key: string, fallback: T): string | T;
  getString(key: string, ...fallback: unknown[]): unknown {
    return this.#read(key, fallback, "string", (value) => typeof value === "string");
  }

  /** An integer of at most 2^53, which has to be there. */
  getInteger(key: string): number;
  /** An integer of at most 2^53, or `fallback` if it is missing. */
  getInteger<T>(key: string, fallback: T): number | T;
  getInteger(key: string, ...fallback: unknown[]): unknown {
    return this.#read(key, fallback, "integer", Number.isSafeInteger);
  }

  /** A number that is finite, which has to be there. */
  getNumber(key: string): number;
  /** A number that is finite, or `fallback` if it is missing. */
  getNumber<T>(key: string, fallback: T): number | T;
  getNumber(key: string, ...fallback: unknown[]): unknown {
    return this.#read(key, fallback, "number", Number.isFinite);
  }

  /** true or false, which has to be there. */
  getBoolean(key: string): boolean;
  /** true or false, or `fallback` if it is missing. */
  getBoolean<T>(key: string, fallback: T): boolean | T;
  getBoolean(key: string, ...fallback: unknown[]): unknown {
    return this.#read(key, fallback, "boolean", (value) => typeof value === "boolean");
  }

  #read(
    key: string,
    fallback: unknown[],
    kind: string,
    fits: (value: unknown) => boolean,
  ): unknown {
    const value = this.#values.get(key);
    if (value === undefined) {
      if (fallback.length > 0) return fallback[0];
      throw new Error(
        `Cannot read meta "${key}" of task "${this.#task}": it is missing; add it under meta`,
      );
    }
    if (!fits(value)) {
      const found = namesSecret(key) ? gotKind(value) : got(value);
      throw new Error(
        `Cannot read meta "${key}" of task "${this.#task}": expected ${kind}, got ${found}`,
      );
    }
    return value;
  }
}
