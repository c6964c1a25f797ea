import { Breather } from "../base/time/breather.ts";
import type { ValueBudget } from "../codec/value_budget.ts";
import { HttpError } from "../http/http_error.ts";

/** Values without bytes of their own, such as defaults that are filled in: about 100 ms and 100 MB of them. */
const FREE_VALUES = 1 << 20;
const RECORDS = 100_000;

/** What the records of one request may come to, however few bytes stand for them, and the turns that others get meanwhile. */
export class RequestWork {
  readonly values: ValueBudget = { left: FREE_VALUES };
  /** Bytes of a body that is unpacked, and of its records as they are passed on. */
  readonly mostBytes: number;
  readonly #breather: Breather;
  #bytes = 0;
  #records = 0;

  /** @param options.signal Aborted when the time of the request is over. */
  constructor(options: { mostBytes: number; signal: AbortSignal }) {
    this.mostBytes = options.mostBytes;
    this.#breather = new Breather(options.signal);
  }

  /** Called before so many records are read. @throws {HttpError} 413 */
  expect(records: number): void {
    this.#records += records;
    if (this.#records > RECORDS) throw tooMuch(`more than ${RECORDS} records`);
  }

  /** Called with each record that is passed on. @throws {HttpError} 413 */
  pass(body: Uint8Array): Uint8Array {
    this.#bytes += body.length;
    if (this.#bytes > this.mostBytes) throw tooMuch(`records of more than ${this.mostBytes} bytes`);
    return body;
  }

  /** Called between two records. @throws the signal's reason. */
  rest(): Promise<void> {
    return this.#breather.rest();
  }
}

function tooMuch(what: string): HttpError {
  return new HttpError(413, `The body holds ${what}`, { hint: "send fewer records at once" });
}
