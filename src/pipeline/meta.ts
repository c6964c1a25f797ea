import { got } from "./schema.ts";

/**
 * The `meta` of a task with all keys dotted: `download: {directory: /tmp/x}` and `download.directory: /tmp/x` are the same.
 * Values are what YAML says they are: `"5"` is no number. Each getter throws if the value is missing and there is no default,
 * or if it is of another type.
 */
export class Meta {
  readonly #task: string;
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(task: string, values: ReadonlyMap<string, unknown> = new Map()) {
    this.#task = task;
    this.#values = values;
  }

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

  getString(key: string): string;
  getString<T>(key: string, fallback: T): string | T;
  getString(key: string, ...fallback: unknown[]): unknown {
    return this.#read(key, fallback, "string", (value) => typeof value === "string");
  }

  getInteger(key: string): number;
  getInteger<T>(key: string, fallback: T): number | T;
  getInteger(key: string, ...fallback: unknown[]): unknown {
    return this.#read(key, fallback, "integer", Number.isSafeInteger);
  }

  getNumber(key: string): number;
  getNumber<T>(key: string, fallback: T): number | T;
  getNumber(key: string, ...fallback: unknown[]): unknown {
    return this.#read(key, fallback, "number", Number.isFinite);
  }

  getBoolean(key: string): boolean;
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
      throw new Error(
        `Cannot read meta "${key}" of task "${this.#task}": expected ${kind}, got ${got(value)}`,
      );
    }
    return value;
  }
}
