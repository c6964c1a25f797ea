import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export interface FaultRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Uint8Array;
  /** 0 for the first request of the server. */
  readonly index: number;
}

export interface FaultServer {
  readonly endpoint: string;
  readonly requests: FaultRequest[];
  stop(): Promise<void>;
}

/** An HTTP server that answers what a test wants, well or badly. */
export async function startFaultServer(
  answer: (request: FaultRequest, response: ServerResponse) => void,
): Promise<FaultServer> {
  const requests: FaultRequest[] = [];
  const server = createServer((incoming, response) => {
    const parts: Uint8Array[] = [];
    incoming.on("data", (part: Uint8Array) => parts.push(part));
    incoming.on("error", () => {});
    incoming.on("end", () => {
      const request = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: new Uint8Array(Buffer.concat(parts)),
        index: requests.length,
      };
      requests.push(request);
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot listen");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
