import { Hono } from "hono";
import { reasonOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { MetricsPage } from "../metrics/metrics.ts";
import { HttpError } from "./http_error.ts";

/** A request to one of the handler's own paths. */
export interface RoutedRequest {
  readonly request: Request;
  /** What the host has handed over beside the request. */
  readonly info: unknown;
  readonly url: URL;
  /** What stood in the place of `:id`. */
  readonly id: string | undefined;
}

/** A path that something is posted to. */
export interface Route {
  /** Such as `/tasks/:id`. */
  readonly path: string;
  post(request: RoutedRequest): Promise<Response>;
}

export interface HttpAppOptions {
  metrics: MetricsPage;
  log: Logger;
  /** Why the process should be started anew; undefined if it should not. */
  notAlive?(): string | undefined;
  /** Why the process cannot be given work now; undefined if it can. */
  notReady(): string | undefined | Promise<string | undefined>;
  /** Paths that change something. @default none */
  routes?: readonly Route[];
  /** The text at `/`. @default there is none */
  about?: () => Promise<string>;
}

export type HttpApp = (request: Request, info?: unknown) => Promise<Response>;

/**
 * Answers `/metrics`, `/livez` and `/readyz`, and the paths it is given. Tells a client nothing beyond that, whatever goes wrong: an `HttpError` is answered as it
 * says, anything else is logged.
 */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { metrics, log, notReady, routes = [], about } = options;
  const app = new Hono<{ Bindings: { info: unknown } }>();
  // Said each time: on Bun a response made of text has the header only once it is sent.
  const plain = { "Content-Type": "text/plain; charset=utf-8" };
  app.get("/metrics", async (c) => {
    const text = await metrics.text();
    return c.body(text, 200, { "Content-Type": metrics.contentType });
  });
  app.get("/livez", (c) => {
    const reason = options.notAlive?.();
    if (reason === undefined) return c.body("alive\n", 200, plain);
    return c.body(`not alive: ${reason}\n`, 503, plain);
  });
  app.get("/readyz", async (c) => {
    const reason = await notReady();
    if (reason === undefined) return c.body("ready\n", 200, plain);
    return c.body(`not ready: ${reason}\n`, 503, plain);
  });
  if (about !== undefined) app.get("/", async (c) => c.body(await about(), 200, plain));
  for (const { path, post } of routes) {
    app.post(path, (c) =>
      post({
        request: c.req.raw,
        info: c.env.info,
        url: new URL(c.req.url),
        id: c.req.param("id"),
      }));
  }
  if (about !== undefined) {
    for (const path of ["/metrics", "/livez", "/readyz", "/"]) {
      app.all(path, () => wrongMethod("GET, HEAD"));
    }
    for (const { path } of routes) app.all(path, () => wrongMethod("POST"));
  }
  app.notFound((c) => {
    if (about === undefined) return c.body("There is /metrics, /livez and /readyz\n", 404, plain);
    return new HttpError(404, `There is no ${JSON.stringify(c.req.path)}`, {
      hint: "GET / lists what there is",
    }).response();
  });
  app.onError((error, c) => {
    if (error instanceof HttpError) return error.response();
    log.warning("Cannot answer a request", { path: c.req.path, reason: reasonOf(error) });
    if (about === undefined) return c.body("Cannot answer\n", 500, plain);
    return new HttpError(500, "Cannot answer", { hint: "the log says why" }).response();
  });
  return async (request, info) => await app.fetch(request, { info });
}

function wrongMethod(allowed: string): Response {
  return new HttpError(405, "The method is not allowed here", {
    hint: `use ${allowed}`,
    headers: { Allow: allowed },
  }).response();
}
