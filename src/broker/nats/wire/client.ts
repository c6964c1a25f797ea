import { connect, type ConnectionOptions, NatsError } from "nats.ws";
import { tlsProblem } from "../../../base/tls_problem.ts";
import { reasonOf, StartError } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import { SecretMask } from "../../../base/secret_mask.ts";
import { pause } from "../../../base/time/waiting.ts";

export type { ConnectionOptions, Msg, NatsConnection, Subscription } from "nats.ws";
import type { NatsConnection } from "nats.ws";

/** Connects over another transport than websockets. The package `nats` has the same API as nats.ws. */
export type NatsDial = (options: ConnectionOptions) => Promise<NatsConnection>;

/** Where the server is and who we are. */
export interface NatsAddress {
  /** `ws://host:port`, `wss://…` or, with kind `tcp`, `nats://host:port`, `tls://…`, `host:port`. Several with commas between: servers of one cluster, any of which will do. */
  readonly url: string;
  readonly kind: "websocket" | "tcp";
  readonly user?: string;
  readonly password?: Secret;
  readonly token?: Secret;
  /** Needed for `tcp`. */
  readonly dial?: NatsDial;
  /** @default the platform's WebSocket */
  readonly openSocket?: (url: string) => Promise<WebSocket>;
  /** Name of the connection in the server's lists. */
  readonly name: string;
  /** A connection is dead when two of its pings, sent so far apart, were not answered, ms. @default 5000 */
  readonly pingMs?: number;
}

const DIAL_MS = 5_000;
/** What Deno says when bytes come before its request is out, as from a NATS TCP port, or when a server is just ending. */
const CUT_SHORT = /operation was canceled/i;
const SECOND_LOOK_MS = 200;
const WRONG_PROTOCOL =
  /operation was canceled|invalid|expected 101|101 status|unexpected|upgrade|protocol|http|parse/i;

/** One connection that heals itself for ever once it was made. Throws `StartError` if it cannot be made. */
export async function dialNats(address: NatsAddress): Promise<NatsConnection> {
  const { url, kind, user, password, token, dial, name } = address;
  if (kind === "tcp" && dial === undefined) {
    throw new StartError(
      `Cannot connect to NATS at "${url}": this platform has no TCP sockets; give the server's websocket address, ws://host:port`,
    );
  }
  const options: ConnectionOptions = {
    servers: url.split(","),
    name,
    user,
    pass: password?.reveal(),
    token: token?.reveal(),
    timeout: DIAL_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: address.pingMs ?? 5_000,
    maxPingOut: 2,
    ignoreAuthErrorAbort: true,
    // A gossiped address is the server's own view of the network, which a worker behind a proxy may not share.
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
  };
  const open = address.openSocket ?? ((url: string) => Promise.resolve(new WebSocket(url)));
  const overSocket = { ...options, wsFactory: (url: string) => openSocket(open, url) };
  for (let isFirst = true;; isFirst = false) {
    try {
      if (kind === "tcp" && dial !== undefined) return await dial(options);
      return await connect(overSocket);
    } catch (error) {
      if (!isFirst || !CUT_SHORT.test(reasonOf(error))) throw translate(error, address);
      await pause(SECOND_LOOK_MS);
    }
  }
}

/**
 * The client waits for `bufferedAmount` to reach zero before it gives a socket up, and on a half-open connection it never does:
 * neither reconnect nor close would end.
 */
async function openSocket(
  open: (url: string) => Promise<WebSocket>,
  url: string,
): Promise<{ socket: WebSocket; encrypted: boolean }> {
  const socket = await open(url);
  Object.defineProperty(socket, "bufferedAmount", { get: () => 0 });
  return { socket, encrypted: url.startsWith("wss:") };
}

/** The client's code of an error, such as `503`, `TIMEOUT` or `AUTHORIZATION_VIOLATION`. */
export function natsCode(error: unknown): string | undefined {
  if (error instanceof NatsError) return error.code;
  // `nats` brings a class of its own that looks the same.
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** For what a server says, which may be what we have told it. */
export function maskOf({ password, token }: Pick<NatsAddress, "password" | "token">): SecretMask {
  return new SecretMask([password, token]);
}

function translate(error: unknown, address: NatsAddress): StartError {
  const { url, kind, user } = address;
  const start = `Cannot connect to NATS at "${url}"`;
  const code = natsCode(error);
  const reason = maskOf(address).apply(reasonOf(error)) || "no reason given";
  const fail = (text: string, options: { transient?: boolean; unanswered?: boolean } = {}) =>
    new StartError(`${start}: ${text}`, { ...options, cause: error });

  if (code === "AUTHORIZATION_VIOLATION" || code === "AUTHENTICATION_TIMEOUT") {
    const who = user === undefined ? "without a user" : `for user "${user}"`;
    return fail(`authorization violation ${who}; check user, password and token`);
  }
  if (code === "AUTHENTICATION_EXPIRED" || code === "ACCOUNT_AUTHENTICATION_EXPIRED") {
    return fail(`the credentials have expired; give new ones`);
  }
  const certificate = tlsProblem(error);
  if (certificate !== undefined) return fail(certificate);
  const other = kind === "websocket"
    ? "its TCP port speaks another protocol; give the websocket address or, on hosts with sockets, nats://host:port"
    : "if this is its websocket port, give ws://host:port";
  if (code === "TIMEOUT") {
    return fail(
      `no NATS greeting within ${DIAL_MS / 1000} s; check that the server runs; ${other}`,
      { unanswered: true },
    );
  }
  if (WRONG_PROTOCOL.test(reason) && !/refused|lookup|resolve/i.test(reason)) {
    return fail(`what answers there is not NATS over ${kind} (${oneLine(reason)}); ${other}`);
  }
  return fail(
    `the server is away (${oneLine(reason)}); check the address and that the server runs`,
    { transient: true },
  );
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
