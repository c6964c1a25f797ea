import {
  createHandler,
  type ErrorRecord,
  type Handler,
  type HandlerOptions,
} from "../../../mod.ts";
import type { PublishedPlace } from "../../../src/handler/call/publish_outputs.ts";
import { newSecret } from "../run_record.ts";

export const TOKEN = newSecret();

/** The handlers of one test file: all are closed at its end. */
export class Handlers {
  readonly #open: Handler[] = [];

  make(options: HandlerOptions): Handler {
    const env = { KFLOW_RUNTIME_LOG_LEVEL: "CRITICAL", ...options.env };
    const handler = createHandler({ token: TOKEN, ...options, env });
    this.#open.push(handler);
    return handler;
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((handler) => handler.close()));
  }
}

export interface PostOptions {
  headers?: Readonly<Record<string, string>>;
  body?: BodyInit;
  /** Sent as JSON. */
  json?: unknown;
}

/** A request with the token. */
export function post(path: string, options: PostOptions = {}): Request {
  const { json, body, headers } = options;
  return new Request(`http://localhost${path}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${TOKEN}`,
      ...(json !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    body: json === undefined ? body : JSON.stringify(json),
  });
}

/** What answers have; a test says which by what it looks at. */
export interface AnsweredJson {
  readonly error: string;
  readonly hint: string;
  readonly item: number;
  readonly field: string;
  readonly outputs: readonly Record<string, unknown>[];
  readonly sideOuts: Readonly<Record<string, readonly unknown[]>>;
  readonly errors: readonly { item: number; retry: boolean; record: ErrorRecord }[];
  readonly published: readonly PublishedPlace[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: AnsweredJson;
}

/** Sends it and reads a JSON answer; undefined if there is no body. */
export async function ask(handler: Handler, request: Request, info?: unknown): Promise<Answer> {
  const response = await handler(request, info);
  const text = await response.text();
  const json = text === "" ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, json };
}
