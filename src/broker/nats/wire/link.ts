import { BrokerError } from "../../broker.ts";
import { natsCode, type NatsConnection } from "./client.ts";
import { NatsInlet } from "./inlet.ts";
import { isOfLeaders } from "./leaders.ts";
import { NatsOutbox } from "./outbox.ts";
import { reasonOf, StartError } from "../../../base/errors.ts";
import type { Logger } from "../../../base/log.ts";
import type { SecretMask } from "../../../base/secret_mask.ts";
import { pause, waitAtMost } from "../../../base/time/waiting.ts";

/** Told about the connection by `NatsLink`. None of them may throw. */
export interface LinkListener {
  /** Everything sent and not answered may be gone, and subscriptions with it. */
  lost?(): void;
  /** Subscribe and send again. The connection may be another object than before. */
  restored?(): void;
  /** The server refused a publication to this subject. */
  denied?(subject: string): void;
}

export interface NatsLinkOptions {
  readonly address: string;
  readonly log: Logger;
  /** Takes out what the server repeats of our credentials. @default nothing */
  readonly mask?: SecretMask;
  /** Makes a connection to take the place of one that is stuck. */
  readonly redial: () => Promise<NatsConnection>;
  /** A lost connection in which nothing moves for so long is given up for a new one, ms. @default 20000 */
  readonly stuckMs?: number;
  /** How long a call waits for its answer, ms. @default 5000 */
  readonly callMs?: number;
}

const STUCK_MS = 20_000;
/** A connection that does not answer pings has nothing to wait for. */
const STALE_MS = 1_000;
const WATCH_MS = 1_000;
const CLOSE_MS = 2_000;
/** A cluster says nothing to what is asked of a stream that has no leader for a moment, nor later. */
const AGAIN_MS = 1_500;
/** Codes of the client that say that the answer did not come, not that it was no. */
const PASSING = new Set(["TIMEOUT", "DISCONNECT", "CONNECTION_CLOSED", "CONNECTION_DRAINING"]);

/** The connection as the rest of the NATS broker sees it: lost, restored, even replaced, but always there. */
export class NatsLink {
  readonly address: string;
  readonly #options: NatsLinkOptions;
  readonly #log: Logger;
  readonly #listeners = new Set<LinkListener>();
  readonly #watchdog: ReturnType<typeof setInterval>;
  #nc: NatsConnection;
  #outbox: NatsOutbox;
  #inlet: NatsInlet;
  #connected = true;
  #closing?: Promise<void>;
  /** When the client last showed that it is still at work on a lost connection. */
  #moved = performance.now();
  #redialing = false;
  readonly #stuckMs: number;

  constructor(nc: NatsConnection, options: NatsLinkOptions) {
    this.address = options.address;
    this.#options = options;
    this.#log = options.log;
    this.#nc = nc;
    this.#outbox = new NatsOutbox(nc);
    this.#inlet = new NatsInlet(nc);
    this.#stuckMs = options.stuckMs ?? STUCK_MS;
    void this.#follow(nc);
    this.#watchdog = setInterval(() => this.#watch(), WATCH_MS);
  }

  get nc(): NatsConnection {
    return this.#nc;
  }

  /** Of the connection that is there now. */
  get outbox(): NatsOutbox {
    return this.#outbox;
  }

  /** Of the connection that is there now. */
  get inlet(): NatsInlet {
    return this.#inlet;
  }

  get connected(): boolean {
    return this.#connected && this.#closing === undefined;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get maxPayload(): number {
    return this.#nc.info?.max_payload ?? 1024 * 1024;
  }

  /** What the server says, fit for messages and logs. */
  said(text: string): string {
    return this.#options.mask?.apply(text) ?? text;
  }

  /** Adds a listener; returns how to take it away. */
  listen(listener: LinkListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** How long a call waits for an answer. */
  get patienceMs(): number {
    return this.#options.callMs ?? 5_000;
  }

  /**
   * Sends a request and returns the answer's bytes; sends it again when the connection was lost in between or no answer comes, so it
   * must do no harm twice. While nobody is there to answer it waits, up to the time of a call; then `BrokerError`.
   */
  async call(
    subject: string,
    payload: Uint8Array | string,
    headers?: HeaderBytes,
  ): Promise<Uint8Array> {
    const patience = this.patienceMs;
    const end = performance.now() + patience;
    for (;;) {
      if (this.closed) {
        throw new BrokerError(`Cannot ask NATS for "${subject}": the broker is closed`);
      }
      const left = end - performance.now();
      if (left <= 0) {
        throw new BrokerError(
          `Cannot ask NATS at "${this.address}" for "${subject}": no answer within ${
            patience / 1000
          } s; try again`,
          { isAway: true },
        );
      }
      if (!this.connected) {
        await this.#change(left);
        continue;
      }
      try {
        return await this.#ask({ subject, payload, headers, timeout: left });
      } catch (error) {
        const code = natsCode(error);
        // While a server starts, its API is not there yet.
        if (code === "503") await pause(Math.min(50, left));
        else if (!PASSING.has(code ?? "")) {
          throw new BrokerError(`Cannot ask NATS for "${subject}": ${reasonOf(error)}`, {
            cause: error,
          });
        } else await pause(Math.min(10, left));
      }
    }
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#watchdog);
    this.#connected = false;
    for (const listener of [...this.#listeners]) listener.lost?.();
    this.#listeners.clear();
    await this.#letGo(this.#nc);
  }

  async #letGo(nc: NatsConnection): Promise<void> {
    await waitAtMost(nc.close().catch(() => {}), CLOSE_MS);
  }

  async #follow(nc: NatsConnection): Promise<void> {
    for await (const status of nc.status()) {
      if (nc !== this.#nc || this.closed) return;
      this.#moved = performance.now();
      // Over TCP the client may never come from "stale" to "disconnect": it waits for what is unsent. The watchdog hardly does.
      if (status.type === "staleConnection") this.#moved -= this.#stuckMs - STALE_MS;
      if (status.type === "disconnect" || status.type === "staleConnection") this.#lose();
      else if (status.type === "reconnect") this.#restore();
      else if (status.type === "error") {
        const denied = status.permissionContext;
        if (denied?.operation === "publish") {
          for (const listener of [...this.#listeners]) listener.denied?.(denied.subject);
        } else if (this.#connected && !isOfLeaders(denied?.subject ?? "")) {
          this.#log.error("NATS reports an error", {
            address: this.address,
            error: this.said(String(status.data)),
            ...denied,
          });
        }
      }
    }
    // The client ended by itself; the watchdog takes over.
    if (nc === this.#nc && !this.closed) {
      this.#moved = 0;
      this.#lose();
    }
  }

  #lose(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#log.warning("connection to NATS is lost; connecting again", { address: this.address });
    for (const listener of [...this.#listeners]) listener.lost?.();
  }

  #restore(): void {
    if (this.#connected || this.closed) return;
    this.#connected = true;
    this.#inlet.attach();
    this.#log.info("connection to NATS is back", { address: this.address });
    for (const listener of [...this.#listeners]) listener.restored?.();
  }

  #watch(): void {
    if (this.#connected || this.#redialing || this.closed) return;
    if (performance.now() - this.#moved < this.#stuckMs) return;
    this.#redialing = true;
    this.#log.warning("NATS client is stuck; making a new connection", { address: this.address });
    void this.#replace().finally(() => this.#redialing = false);
  }

  async #replace(): Promise<void> {
    const old = this.#nc;
    let fresh: NatsConnection;
    try {
      fresh = await this.#options.redial();
    } catch (error) {
      this.#moved = performance.now() - this.#stuckMs + 2 * WATCH_MS;
      const level = error instanceof StartError && error.transient ? "warning" : "error";
      this.#log[level](reasonOf(error));
      return;
    }
    if (this.closed || this.#connected) return void await this.#letGo(fresh);
    this.#nc = fresh;
    this.#outbox = new NatsOutbox(fresh);
    this.#inlet = new NatsInlet(fresh);
    void this.#follow(fresh);
    this.#restore();
    await this.#letGo(old);
  }

  /** A request, sent again until an answer to one of them comes; undone when the connection goes, for then none comes. */
  async #ask(
    request: {
      subject: string;
      payload: Uint8Array | string;
      headers?: HeaderBytes;
      timeout: number;
    },
  ): Promise<Uint8Array> {
    const { subject, payload, headers, timeout } = request;
    let leave: () => void = () => {};
    const lost = new Promise<never>((_, reject) => {
      leave = this.listen({ lost: () => reject(new ConnectionLost()) });
    });
    const end = performance.now() + timeout;
    let again: ReturnType<typeof setInterval> | undefined;
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      const send = () => {
        const left = Math.max(1, end - performance.now());
        this.#nc.request(subject, payload, { timeout: left, headers: headers as never })
          .then(({ data }) => resolve(data), reject);
      };
      send();
      again = setInterval(send, AGAIN_MS);
    });
    try {
      return await Promise.race([answered, lost]);
    } finally {
      clearInterval(again);
      leave();
    }
  }

  /** Waits until the connection comes or is closed. */
  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        leave();
        resolve();
      };
      const timer = setTimeout(done, ms);
      const leave = this.listen({ restored: done, lost: done });
    });
  }
}

class ConnectionLost extends Error {
  readonly code = "DISCONNECT";
}

/** What the client asks of headers: nothing but their bytes. */
export interface HeaderBytes {
  encode(): Uint8Array;
}
