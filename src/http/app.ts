import { Hono } from "hono";
import type { Logger } from "../log.ts";
import type { MetricsPage } from "../metrics/metrics.ts";

export interface HttpAppOptions {
  metrics: MetricsPage;
  log: Logger;
  /** Why the process should be started anew; undefined if it should not. */
  notAlive?(): string | undefined;
  /** Why the process cannot be given work now; undefined if it can. */
  notReady(): string | undefined | Promise<string | undefined>;
}

/** Answers `/metrics`, `/livez` and `/readyz`. Tells a client nothing beyond that, whatever goes wrong. */
export function createHttpApp(options: HttpAppOptions): (request: Request) => Promise<Response> {
  const { metrics, log, notReady } = options;
  const app = new Hono();
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
  app.notFound((c) => c.body("There is /metrics, /livez and /readyz\n", 404, plain));
  app.onError((error, c) => {
    log.warning("Cannot answer a request", { path: c.req.path, reason: error.message });
    return c.body("Cannot answer\n", 500, plain);
  });
  return async (request) => await app.fetch(request);
}
