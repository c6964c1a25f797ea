import { pause } from "../waiting.ts";
import { RawClient } from "./raw_client.ts";

const AT_ONCE = 1_000;
const BACK_MS = 50;
const BEGUN = "GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ";
const HUGE = BEGUN + "a".repeat(1 << 20);
const AHEAD = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000);
const SLOW_BODY = "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\na";

/** What clients do to a port all the time until it is told to end: connections that ask nothing, dripped headers and bodies, huge headers, thousands of requests ahead, and a thousand requests at once with wrong tokens. */
export class HttpAttack {
  readonly #port: number;
  readonly #holders = new Set<RawClient>();
  readonly #ended: Promise<unknown>;
  /** First lines of answers to the requests that came at once, how often each; "" is a connection that was refused. */
  readonly answers = new Map<string, number>();
  #isOver = false;

  /** @param held How many connections are held all the time. */
  constructor(port: number, held = 200) {
    this.#port = port;
    const texts = ["", BEGUN, SLOW_BODY, HUGE];
    this.#ended = Promise.all(
      Array.from(
        { length: held },
        (_, i) => this.#hold(i === 1 ? AHEAD : texts[i % texts.length]!),
      ),
    );
  }

  /** A thousand requests at once, to their answers. */
  async storm(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => {
      const way = i % 2 === 0 ? "GET /metrics" : "GET /none";
      const head = `${way} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong-${i}`;
      const answer = await new RawClient(this.#port, `${head}\r\nConnection: close\r\n\r\n`).answer;
      const line = answer.split("\r\n", 1)[0]!;
      this.answers.set(line, (this.answers.get(line) ?? 0) + 1);
    }));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    for (const { socket } of this.#holders) socket.destroy();
    await this.#ended;
  }

  /** Comes back as often as it is thrown out. */
  async #hold(text: string): Promise<void> {
    while (!this.#isOver) {
      const client = new RawClient(this.#port, text).drip();
      this.#holders.add(client);
      await client.answer;
      this.#holders.delete(client);
      await pause(BACK_MS);
    }
  }
}
