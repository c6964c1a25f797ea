import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FetchHandler, Served, ServeOptions } from "../../../src/host.ts";
import { turn, waitAtMost } from "../../../src/base/time/waiting.ts";
import { Connections } from "./connections.ts";
import { codeOf } from "../node/node_files_error.ts";
import { notPermitted } from "../node/not_permitted.ts";
import { requestBody } from "./request_body.ts";

/** Connections at once: enough for scrapers and probes, too few to use up the process. */
const MAX_CONNECTIONS = 64;
/** For a request that comes in bits. Its headers have no more than that. */
const REQUEST_MS = 10_000;
/** A connection on which no more is asked. */
const IDLE_MS = 5_000;
/** How often the runtime looks for those whose time is over: 30 s by default. */
const LOOK_EVERY_MS = 1_000;
/** For answers that are being sent when the server is closed. */
const LAST_ANSWERS_MS = 2_000;
/** A client that still sends what nobody reads has so long to read the answer. Deno ends no such connection by itself. */
const READ_ANSWER_MS = 1_000;

/** Serves a fetch handler with `node:http`, which Deno and Bun both have. */
export async function serveNode(handler: FetchHandler, options: ServeOptions): Promise<Served> {
  const { port, hostname, bodies = false, requestMs = REQUEST_MS } = options;
  const answering = new Set<Promise<void>>();
  const connections = new Connections(options.connections ?? MAX_CONNECTIONS);
  const server = createServer({
    requestTimeout: requestMs,
    headersTimeout: Math.min(requestMs, REQUEST_MS),
    keepAliveTimeout: Math.min(requestMs, IDLE_MS),
    connectionsCheckingInterval: Math.min(requestMs, LOOK_EVERY_MS),
  }, (request, response) => {
    const { socket } = request;
    if (!connections.asked(socket)) return;
    if (!bodies) request.resume();
    const answered = answer(handler, { request, response, bodies, requestMs })
      // Bun would send an empty 200 for a response that is destroyed.
      .catch(() => void socket.destroy())
      .finally(() => {
        connections.answered(socket);
        answering.delete(answered);
      });
    answering.add(answered);
  });
  server.on("connection", (socket) => connections.opened(socket));
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) =>
      reject(new Error(notPermitted(error) ?? codeOf(error) ?? error.message));
    server.once("error", failed);
    server.listen({ port, ...(hostname !== undefined && { host: hostname }) }, () => {
      server.off("error", failed);
      // Nothing that a client does may end the process.
      server.on("error", () => {});
      resolve();
    });
  });
  let closing: Promise<void> | undefined;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await waitAtMost(Promise.allSettled([...answering]), LAST_ANSWERS_MS);
    // A scraper keeps its connection for the next time.
    server.closeAllConnections();
    await closed;
  };
  return {
    port: (server.address() as AddressInfo | null)?.port ?? port,
    close: () => closing ??= close(),
  };
}

async function answer(
  handler: FetchHandler,
  { request: incoming, response: outgoing, bodies, requestMs }: {
    request: IncomingMessage;
    response: ServerResponse;
    bodies: boolean;
    requestMs: number;
  },
): Promise<void> {
  const { socket } = incoming;
  const request = requestOf(incoming, bodies);
  // Bun begins with the next request of a connection as soon as this one is answered: others have to get their turn between the two.
  await turn();
  // HTTP/1.0 is what proxies speak that say nothing of themselves, such as nginx as it comes: their address is not that of the client.
  const isDirect = incoming.httpVersionMajor > 1 || incoming.httpVersionMinor > 0;
  const info = { remoteAddr: { hostname: isDirect ? socket.remoteAddress ?? "" : "" } };
  const response = request === undefined
    ? new Response("Cannot read the request\n", { status: 400 })
    : await handler(request, info);
  const body = new Uint8Array(await response.arrayBuffer());
  // Nobody would say that such an answer is sent.
  if (socket.destroyed) return;
  const isUnread = bodies && !incoming.complete;
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    ...(response.status !== 204 && { "Content-Length": body.length }),
    ...(isUnread && { Connection: "close" }),
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    outgoing.once("close", resolve);
    if (incoming.method === "HEAD") outgoing.end(resolve);
    else outgoing.end(body, resolve);
    timer = setTimeout(() => {
      socket.destroy();
      resolve();
    }, requestMs);
    timer.unref();
  });
  clearTimeout(timer);
  if (incoming.complete && !isUnread) return;
  incoming.resume();
  setTimeout(() => {
    if (isUnread || !incoming.complete) socket.destroy();
  }, READ_ANSWER_MS).unref();
}

/** What stands in a URL between its scheme and its path: nothing in it may begin another part. */
const HOST = /^[^\s/?#@\\]+$/;
/** Stands for the host that an old client does not name. It is not this machine. */
const NO_HOST = "unknown.invalid";

/** The URL of a request. Its host is that of the header `Host`, never that of the target: a browser lets pages choose only the target. */
function urlOf({ url = "/", headers }: IncomingMessage): string {
  const path = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*(.*)$/is.exec(url)?.[1] ?? url;
  const { host = NO_HOST } = headers;
  if (!HOST.test(host)) throw new TypeError("The host is not one");
  return `http://${host}${path.startsWith("/") ? "" : "/"}${path}`;
}

/** Undefined if no URL can be made of it. */
function requestOf(incoming: IncomingMessage, withBody: boolean): Request | undefined {
  const { method = "GET", headers } = incoming;
  try {
    const pairs = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]]
    );
    const hasBody = withBody && method !== "GET" && method !== "HEAD";
    return new Request(urlOf(incoming), {
      method,
      headers: pairs,
      ...(hasBody && { body: requestBody(incoming), duplex: "half" }),
    });
  } catch {
    return undefined;
  }
}
