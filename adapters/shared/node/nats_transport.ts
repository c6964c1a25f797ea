import { createConnection, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import {
  type ConnectionOptions,
  type NatsConnection,
  NatsConnectionImpl,
  setTransportFactory,
} from "nats/lib/src/nats-base-client.js";
import { nodeResolveHost, NodeTransport } from "nats/lib/src/node_transport.js";

/** What the client hands to its transport, with what we add. */
interface HeardOptions {
  /** Called with the first error of a connection. */
  readonly heard?: (error: Error) => void;
}

/** What `connect` of the package does, with a transport of ours. */
export async function connectHeard(options: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new HeardTransport(), dnsResolveFn: nodeResolveHost });
  let failure: Error | undefined;
  const heard: HeardOptions = { heard: (error) => failure = error };
  try {
    return await NatsConnectionImpl.connect({ ...options, ...heard });
  } catch (error) {
    // All that the client says of a connection that fails before the server's first answer is that there was none in time.
    const isLate = error instanceof Error && "code" in error && error.code === "TIMEOUT";
    throw isLate ? failure ?? error : error;
  }
}

/**
 * The client's transport, with sockets of which every error is heard. The client takes all listeners off a socket between its steps and after its end, and an error that comes then would
 * end the process: on TLS 1.3 the refusal of a server that wants a certificate comes right behind the handshake.
 */
class HeardTransport extends NodeTransport {
  #failure?: Error;

  override dial({ hostname, port }: { hostname: string; port: number }): Promise<Socket> {
    return this.#connected((done) => createConnection(port, hostname, done).setNoDelay(true));
  }

  override startTLS(): Promise<TLSSocket> {
    const options = { socket: this.socket, servername: this.tlsName, rejectUnauthorized: true };
    return this.#connected((done) => connectTls(options, done), afterTls);
  }

  override setupHandlers(): void {
    super.setupHandlers();
    // The listener that would have told of it was not there yet.
    if (this.#failure !== undefined) void this.close(this.#failure);
  }

  /** @param meant What an error of the socket means. */
  #connected<T extends Socket>(
    open: (done: () => void) => T,
    meant: (error: Error) => Error = (error) => error,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const socket = open(() => {
        socket.removeAllListeners();
        resolve(socket);
      });
      this.#hear(socket, meant);
      // A name that does not fit is an error on Deno that does not close the socket.
      socket.once("error", reject);
      socket.once("close", () => reject(this.#failure ?? new Error("connection closed")));
    });
  }

  /** Keeps one error listener on the socket, even after all listeners were removed. */
  #hear(socket: Socket, meant: (error: Error) => Error): void {
    const hear = (error: Error) => {
      if (this.#failure !== undefined) return;
      this.#failure = meant(error);
      (this.options as HeardOptions | undefined)?.heard?.(this.#failure);
    };
    const removeAll = socket.removeAllListeners;
    socket.on("error", hear);
    socket.removeAllListeners = function (event?: string | symbol) {
      removeAll.call(socket, ...(event === undefined ? [] : [event]));
      if (event === undefined || event === "error") socket.on("error", hear);
      return socket;
    };
  }
}

/** Adds what a connection that ends with the TLS handshake may mean: on a busy machine the write fails before the alert is read that says so. */
function afterTls(error: Error): Error {
  const isEnd = "code" in error && (error.code === "EPIPE" || error.code === "ECONNRESET");
  if (!isEnd) return error;
  const problem =
    `${error.message} right after the TLS handshake: it may want a certificate of its clients`;
  return Object.assign(new Error(problem, { cause: error }), { code: error.code });
}
