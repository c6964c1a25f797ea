import { WebSocket as SocketOverTcp } from "ws";

/** No compression, and 1 s for a peer that does not answer the closing of a connection. */
const OPTIONS = { perMessageDeflate: false, closeTimeout: 1_000 };

/**
 * A websocket whose frames leave at once. Deno's own keeps Nagle's algorithm on and writes the head of a larger frame by itself, so that the rest waits until the server's system
 * acknowledges the head, up to 40 ms.
 */
export function openSocket(url: string): WebSocket {
  const socket = new SocketOverTcp(url, OPTIONS);
  // Its owner is told too; but an error that comes after the owner has let go would end the process.
  socket.on("error", () => {});
  return socket as unknown as WebSocket;
}
