import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { eventually } from "../waiting.ts";

export interface BareNatsOptions {
  readonly user?: string;
  readonly password?: string;
}

/** A NATS client that sends whatever bytes of headers it is told to. */
export class BareNatsClient {
  readonly #socket: Socket;
  #answers = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      const text = Buffer.from(bytes).toString("latin1");
      this.#answers += text.split("MSG ack ").length - 1;
      if (text.includes("PING\r\n")) socket.write("PONG\r\n");
    });
    socket.on("error", () => {});
  }

  static async open(
    port: number,
    { user, password }: BareNatsOptions = {},
  ): Promise<BareNatsClient> {
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const options = { verbose: false, headers: true, no_responders: true, user, pass: password };
    socket.write(`CONNECT ${JSON.stringify(options)}\r\nSUB ack 1\r\n`);
    return new BareNatsClient(socket);
  }

  /** Sends a message whose header block is these characters, each a byte. */
  publish(subject: string, headers: string, body: Uint8Array): void {
    const block = Buffer.from(`NATS/1.0\r\n${headers}\r\n`, "latin1");
    const line = `HPUB ${subject} ack ${block.length} ${block.length + body.length}\r\n`;
    this.#socket.write(Buffer.concat([Buffer.from(line), block, body, Buffer.from("\r\n")]));
  }

  /** Resolves when so many messages were confirmed. */
  async confirmed(count: number): Promise<void> {
    await eventually(() => this.#answers >= count, `${count} confirmations`);
  }

  close(): void {
    this.#socket.destroy();
  }
}
