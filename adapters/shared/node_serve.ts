import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FetchHandler, Served } from "../../src/host.ts";
import { codeOf } from "./node_files_error.ts";

/** Connections at once: enough for scrapers and probes, too few to use up the process. */
const MAX_CONNECTIONS = 64;
/** For a request that comes in bits. */
const REQUEST_MS = 10_000;

/** Serves a fetch handler with `node:http`, which Deno and Bun both have. */
export async function serveNode(
  handler: FetchHandler,
  { port }: { port: number },
): Promise<Served> {
  const server = createServer((request, response) => {
    request.resume();
    answer(handler, request, response).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) => reject(new Error(codeOf(error) ?? error.message));
    server.once("error", failed);
    server.listen(port, () => {
      server.off("error", failed);
      // Nothing that a client does may end the process.
      server.on("error", () => {});
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo | null)?.port ?? port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        // A scraper keeps its connection for the next time.
        server.closeAllConnections();
      }),
  };
}

async function answer(
  handler: FetchHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = requestOf(incoming);
  const response = request === undefined
    ? new Response("Cannot read the request\n", { status: 400 })
    : await handler(request);
  const body = new Uint8Array(await response.arrayBuffer());
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (incoming.method === "HEAD") outgoing.end();
  else outgoing.end(body);
}

/** Undefined if no URL can be made of it. */
function requestOf(incoming: IncomingMessage): Request | undefined {
  const { url = "/", method = "GET", headers } = incoming;
  try {
    const pairs = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]]
    );
    return new Request(new URL(url, "http://localhost"), { method, headers: pairs });
  } catch {
    return undefined;
  }
}
