import { connect, createServer, type Server, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Breaks the connections there are; new ones are let through. */
  cut(): void;
  /** Breaks the connections there are and refuses new ones until `up()`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Keeps connections open and lets nothing through, as if a cable had been pulled; new ones are let through. */
  stall(): void;
  stop(): Promise<void>;
}

/** Stands between a client and a server at `port` of 127.0.0.1. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const stalled = new Set<Socket>();

  function accept(client: Socket): void {
    const server = connect(port, "127.0.0.1");
    const pair = [client, server] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [server, client] as const]) {
      from.setNoDelay(true);
      from.on("data", (bytes) => {
        if (!stalled.has(from)) to.write(bytes);
      });
      from.on("error", () => {});
      from.on("close", () => {
        pairs.delete(pair);
        if (!stalled.has(from)) to.destroy();
      });
    }
  }

  function cut(): void {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    for (const socket of stalled) socket.destroy();
    stalled.clear();
  }

  let server: Server = await listen(0, accept);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot start a TCP proxy");
  const own = address.port;
  const down = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    cut();
    await closed;
  };
  return {
    port: own,
    cut,
    down,
    async up() {
      server = await listen(own, accept);
    },
    stall() {
      for (const pair of pairs) {
        for (const socket of pair) {
          stalled.add(socket);
          socket.pause();
        }
      }
    },
    stop: down,
  };
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(accept);
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
