import { connect, type Socket } from "node:net";

/** A connection on which a test says what it likes. */
export class RawClient {
  readonly socket: Socket;
  /** What the server has said until it closed the connection. */
  readonly answer: Promise<string>;

  constructor(port: number, text = "") {
    const socket = this.socket = connect(port, "127.0.0.1");
    let answer = "";
    this.answer = new Promise((resolve) => {
      socket.on("data", (bytes: Uint8Array) => answer += new TextDecoder().decode(bytes));
      socket.on("error", () => {});
      socket.on("close", () => resolve(answer));
    });
    if (text !== "") socket.write(text);
  }

  /** A byte again and again, as long as the server lets it. */
  drip(): this {
    const timer = setInterval(() => this.socket.write("a"), 50);
    this.socket.on("close", () => clearInterval(timer));
    return this;
  }

  async connected(): Promise<this> {
    if (this.socket.connecting) {
      await new Promise((resolve) => this.socket.once("connect", resolve));
    }
    return this;
  }
}
