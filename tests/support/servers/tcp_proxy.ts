import { connect, createServer, type Server, type Socket } from "node:net";

/** Seen from the client. */
export type Direction = "out" | "in";

export interface TcpProxy {
  readonly port: number;
  /** Ends the connections there are; new ones are let through. */
  cut(): void;
  /** The same with a TCP reset. */
  reset(): void;
  /** Ends the connections there are and refuses new ones until `up()`. */
  down(): Promise<void>;
  up(): Promise<void>;
  /**
   * Keeps the connections there are open and lets nothing through, as if a cable had been pulled; new ones are let through.
   * @param direction Only what goes there is held. @default both
   */
  stall(direction?: Direction): void;
  /** What was stalled goes on. */
  resume(): void;
  /** What comes from now on is let through so much later, ms, in each direction. */
  delay(ms: number): void;
  /** Whether new connections are accepted without an answer to anything. Those there are are ended. */
  mute(on: boolean): void;
  stop(): Promise<void>;
}

/** One direction of one connection. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delayMs: () => number;
  #dueAt = 0;

  constructor(from: Socket, to: Socket, delayMs: () => number) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    from.setNoDelay(true);
    from.on("data", (bytes) => this.#later(() => to.destroyed || to.write(bytes)));
    from.on("error", () => {});
    from.on("close", () => this.#later(() => from.isPaused() || to.destroy()));
  }

  stall(): void {
    this.#from.pause();
  }

  resume(): void {
    this.#from.resume();
  }

  end(how: "destroy" | "resetAndDestroy"): void {
    this.#from.resume();
    this.#from[how]();
    this.#to[how]();
  }

  /** In the order of the calls, though the delay changes. */
  #later(act: () => unknown): void {
    const now = performance.now();
    this.#dueAt = Math.max(this.#dueAt, now + this.#delayMs());
    if (this.#dueAt <= now) act();
    else setTimeout(act, this.#dueAt - now);
  }
}

/** Stands between a client and a server at `port` of 127.0.0.1. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const connections = new Set<
    { readonly client: Socket; readonly pipes: Record<Direction, Pipe> }
  >();
  const muted = new Set<Socket>();
  let delayMs = 0;
  let mute = false;

  function accept(client: Socket): void {
    if (mute) {
      muted.add(client);
      client.on("error", () => {});
      client.on("close", () => muted.delete(client));
      return;
    }
    const server = connect(port, "127.0.0.1");
    const late = () => delayMs;
    const connection = {
      client,
      pipes: { out: new Pipe(client, server, late), in: new Pipe(server, client, late) },
    };
    connections.add(connection);
    client.on("close", () => connections.delete(connection));
  }

  function end(how: "destroy" | "resetAndDestroy"): void {
    for (const { pipes } of connections) pipes.out.end(how);
    for (const socket of muted) socket.destroy();
  }

  let server: Server = await listen(0, accept);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot start a TCP proxy");
  const own = address.port;
  const down = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    end("destroy");
    await closed;
  };
  const pipes = () => [...connections].flatMap((each) => Object.entries(each.pipes));
  return {
    port: own,
    cut: () => end("destroy"),
    reset: () => end("resetAndDestroy"),
    down,
    async up() {
      server = await listen(own, accept);
    },
    stall(direction) {
      for (const [name, pipe] of pipes()) {
        if (direction === undefined || direction === name) pipe.stall();
      }
    },
    resume() {
      for (const [, pipe] of pipes()) pipe.resume();
    },
    delay(ms) {
      delayMs = ms;
    },
    mute(on) {
      mute = on;
      end("destroy");
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
