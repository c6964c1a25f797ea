import { withoutPaths } from "./shown_error.ts";

export interface HttpErrorOptions {
  /** What to do about it. */
  hint: string;
  headers?: Readonly<Record<string, string>>;
  /** More for the body. */
  fields?: Readonly<Record<string, unknown>>;
  cause?: unknown;
}

/** A request that is answered with an error of HTTP: `{error, hint}` and perhaps more, as JSON. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly #options: HttpErrorOptions;

  constructor(status: number, message: string, options: HttpErrorOptions) {
    super(message, { cause: options.cause });
    this.status = status;
    this.#options = options;
  }

  response(): Response {
    const { hint, headers, fields } = this.#options;
    const body = JSON.stringify({ error: withoutPaths(this.message), hint, ...fields });
    return new Response(body + "\n", {
      status: this.status,
      headers: { "Content-Type": "application/json", ...headers },
    });
  }
}
