import { type ProcessFunction, toProcessFunction } from "./function.ts";

/** How a program's function is acknowledged. */
export interface BasicRuntimeOptions {
  /** Whether the function acknowledges by itself with `requestAck()`, as with `meta.ack.manual: true`. @default false */
  manualAck?: boolean;
}

/** One function and how it is acknowledged: what a program of the user's puts together (product document, "Manual acknowledgement"). */
export class ProcessRuntime {
  /** Whether the function acknowledges by itself. */
  readonly manualAck: boolean;
  #process?: ProcessFunction;

  /** Without a function as yet: see `addProcessFunction`. */
  constructor(options: BasicRuntimeOptions = {}) {
    this.manualAck = options.manualAck ?? false;
  }

  /**
   * Gives the runtime its function: an object with `process`, a class that has it, or a plain function `(record, ctx) => …`.
   * @throws {TypeError} for anything else, and for a second one: a task has one function.
   */
  addProcessFunction(added: unknown): this {
    if (this.#process !== undefined) {
      throw new TypeError("Cannot add a second function: a runtime runs one task");
    }
    try {
      this.#process = toProcessFunction(added);
    } catch (error) {
      throw new TypeError(
        "Cannot add it as a function: it is no function, class or object with process()",
        { cause: error },
      );
    }
    return this;
  }

  /** The function that was added. @throws {TypeError} if none was. */
  get process(): ProcessFunction {
    if (this.#process !== undefined) return this.#process;
    throw new TypeError("the runtime has no function; call addProcessFunction() first");
  }
}
