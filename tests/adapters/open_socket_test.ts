import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { openSocket } from "../../adapters/deno/open_socket.ts";
import { within } from "../support/waiting.ts";

/** A frame of one byte. */
const ANSWER = new Uint8Array([0x82, 1, 0]);
/** Of RFC 6455, 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FRAMES = 100;

describe("openSocket()", () => {
  let server: Server;
  let url: string;
  const peers: Socket[] = [];

  before(async () => {
    server = createServer();
    server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
      const key = request.headers["sec-websocket-key"];
      const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      peers.push(socket as Socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    for (const peer of peers) peer.destroy();
    server.close();
  });

  for (const [name, bytes] of [["small", 100], ["large", 20_000]] as const) {
    // The system of a server acknowledges what is not answered only after 40 ms: `npm run bench -- --gate` takes the time.
    it(`sends ${name} frames at once, though not all are answered`, async () => {
      const socket = openSocket(url);
      await opened(socket);
      const peer = peers.at(-1)!;
      let received = 0;
      let arrived = () => {};
      peer.on("data", (chunk: Uint8Array) => {
        received += chunk.length;
        arrived();
      });
      for (let frame = 1; frame <= FRAMES; frame++) {
        const whole = new Promise<void>((resolve) => {
          arrived = () => received >= frame * bytes && resolve();
        });
        socket.send(new Uint8Array(bytes));
        await within(whole, 5_000, "frame");
        if (frame % 2 === 0) peer.write(ANSWER);
      }
      assert.ok(received >= FRAMES * bytes);
      socket.close();
    });
  }

  it("is not the end of the process when the server resets it after its owner has let go", async () => {
    const socket = openSocket(url);
    await opened(socket);
    const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
    socket.onerror = null;
    socket.send(new Uint8Array(100));
    peers.at(-1)!.resetAndDestroy();
    await within(closed, 5_000, "end");
  });
});

function opened(socket: WebSocket): Promise<void> {
  return within(new Promise((resolve) => socket.onopen = () => resolve()), 5_000, "connection");
}
