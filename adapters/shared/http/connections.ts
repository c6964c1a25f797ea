import type { Socket } from "node:net";
import { turn } from "../../../src/base/time/waiting.ts";

/** Requests of one connection that are answered at once. Nobody asks ahead but who wants to fill the memory with answers. */
const MOST_AHEAD = 16;

/** The open connections of a server: beyond the limit a new one takes the place of that on which nothing has been asked for the longest time. */
export class Connections {
  readonly #most: number;
  /** Those without a request that is being answered, the longest first. */
  readonly #waiting = new Set<Socket>();
  /** How many requests of each are being answered. */
  readonly #answering = new Map<Socket, number>();
  #makesRoom = false;

  constructor(most: number) {
    this.#most = most;
  }

  opened(socket: Socket): void {
    this.#waiting.add(socket);
    socket.once("close", () => {
      this.#waiting.delete(socket);
      this.#answering.delete(socket);
    });
    if (!this.#isOver || this.#makesRoom) return;
    this.#makesRoom = true;
    void this.#makeRoom();
  }

  /** A request has come. True: it is worked on until `answered()`. False: its connection has ended, or ends here because it asks too far ahead or is one too many. */
  asked(socket: Socket): boolean {
    if (socket.destroyed) return false;
    const answering = this.#answering.get(socket) ?? 0;
    const isOneMore = answering === 0 && this.#answering.size >= this.#most;
    if (isOneMore || answering === MOST_AHEAD) {
      socket.destroy();
      return false;
    }
    this.#waiting.delete(socket);
    this.#answering.set(socket, answering + 1);
    return true;
  }

  answered(socket: Socket): void {
    const left = (this.#answering.get(socket) ?? 0) - 1;
    if (left > 0) this.#answering.set(socket, left);
    else if (this.#answering.delete(socket)) this.#waiting.add(socket);
  }

  get #isOver(): boolean {
    return this.#waiting.size + this.#answering.size > this.#most;
  }

  /** A turn later: what the clients have sent or closed in the meantime is read first. */
  async #makeRoom(): Promise<void> {
    await turn();
    this.#makesRoom = false;
    for (const longest of this.#waiting) {
      if (!this.#isOver) return;
      this.#waiting.delete(longest);
      longest.destroy();
    }
  }
}
