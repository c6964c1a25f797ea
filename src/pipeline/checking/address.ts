import { Secret } from "../../base/secret.ts";
import type { NatsAddress, StoreAddress } from "../plan/plan.ts";
import { withoutCredentials } from "../reading/without_secrets.ts";

interface Credentials {
  readonly user?: string;
  readonly password?: Secret;
  readonly token?: Secret;
}

/** An address taken apart; credentials that were written in it are no longer part of it. */
export interface Parsed<A> extends Credentials {
  readonly address: A;
}

/** What is wrong with an address and what to do. Passwords in the address are not shown. */
export class AddressError extends Error {
  override readonly name = "AddressError";
}

const STORE_FORMS = "use http://host:port, https://host:port, host:port, file:./folder or memory:";
const NATS_FORMS = "use nats://host:port, ws://host:port, wss://host:port or host:port";
const HTTP_FORMS = "use http://host:port, https://host:port or host:port";

/** `memory:`, `file:`, `http(s)://host:port` or bare `host:port`. @param resolvePath Absolute path of a relative `file:` address. */
export function parseStoreAddress(
  text: string,
  resolvePath: (path: string) => string,
): Parsed<StoreAddress> {
  const { scheme, rest } = split(text, STORE_FORMS);
  if (scheme === "memory") {
    if (rest !== "") throw wrong(text, 'takes nothing after "memory:"', STORE_FORMS);
    return { address: { kind: "memory" } };
  }
  if (scheme === "file") {
    return { address: { kind: "directory", path: resolvePath(filePath(text, rest)) } };
  }
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    throw wrong(text, `is no address of a store: scheme "${scheme}"`, STORE_FORMS);
  }
  const { host, ...credentials } = authority(text, rest, STORE_FORMS);
  return { address: { kind: "s3", endpoint: `${scheme ?? "http"}://${host}` }, ...credentials };
}

/**
 * `ws(s)://host:port`, `nats://host:port`, bare `host:port` (NATS over TCP) or `memory:` (the embedded broker). Several of one kind, with commas between, are the
 * servers of a cluster; credentials need to stand in one of them.
 */
export function parseNatsAddress(text: string): Parsed<NatsAddress> {
  const [first, ...others] = partsOf(text).map(parseNatsServer);
  return others.reduce((all, next) => both(text, all, next), first!);
}

/** A comma in a password, which need not be encoded, is none between servers. */
function partsOf(text: string): string[] {
  const end = text.lastIndexOf("@") + 1;
  const [first = "", ...others] = text.slice(end).split(",");
  const parts = text.slice(0, end).split(/,(?=[a-z]+:\/\/)/i);
  return [...parts.slice(0, -1), parts.at(-1)! + first, ...others];
}

function both(
  text: string,
  all: Parsed<NatsAddress>,
  next: Parsed<NatsAddress>,
): Parsed<NatsAddress> {
  const { address, ...credentials } = all;
  const { address: other, ...more } = next;
  if (address.kind === "embedded" || other.kind !== address.kind) {
    throw wrong(text, "has servers of different kinds", `${NATS_FORMS} for all of them`);
  }
  const isGiven = Object.keys(credentials).length > 0;
  if (isGiven && Object.keys(more).length > 0 && !isSame(credentials, more)) {
    throw wrong(
      text,
      "has different credentials",
      "write them once, in the first of the addresses",
    );
  }
  return {
    address: { kind: address.kind, url: `${address.url},${other.url}` },
    ...(isGiven ? credentials : more),
  };
}

function isSame(one: Credentials, other: Credentials): boolean {
  return one.user === other.user && one.password?.reveal() === other.password?.reveal() &&
    one.token?.reveal() === other.token?.reveal();
}

function parseNatsServer(text: string): Parsed<NatsAddress> {
  const { scheme, rest } = split(text, NATS_FORMS);
  if (scheme === "memory" && rest === "") return { address: { kind: "embedded" } };
  if (scheme === "ws" || scheme === "wss") {
    const { host, ...credentials } = authority(text, rest, NATS_FORMS, true);
    const address: NatsAddress = { kind: "websocket", url: `${scheme}://${host}` };
    return { address, ...withToken(credentials) };
  }
  if (scheme !== undefined && scheme !== "nats") {
    throw wrong(text, `is no address of a NATS server: scheme "${scheme}"`, NATS_FORMS);
  }
  const { host, ...credentials } = authority(text, rest, NATS_FORMS);
  const url = `nats://${/:\d+$/.test(host) ? host : `${host}:4222`}`;
  return { address: { kind: "tcp", url }, ...withToken(credentials) };
}

/** NATS writes a token where others write a user. */
function withToken({ user, password }: Credentials): Credentials {
  if (user !== undefined && password === undefined) return { token: new Secret(user) };
  return { ...(user !== undefined && { user }), ...(password && { password }) };
}

/** `http(s)://host:port` or bare `host:port`, as a URL without a path. */
export function parseHttpAddress(text: string): Parsed<string> {
  const { scheme, rest } = split(text, HTTP_FORMS);
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    throw wrong(text, `is no HTTP address: scheme "${scheme}"`, HTTP_FORMS);
  }
  const { host, ...credentials } = authority(text, rest, HTTP_FORMS);
  return { address: `${scheme ?? "http"}://${host}`, ...credentials };
}

/** Whether the address carries a password, or a token of NATS. */
export function holdsPassword(text: string): boolean {
  const isIn = /^(([a-z][a-z0-9+.-]*:\/\/)?[^/@]*:[^/]*|(nats|wss?):\/\/[^/]+)@/i;
  return partsOf(text).some((part) => isIn.test(part));
}

function split(text: string, forms: string): { scheme?: string; rest: string } {
  // deno-lint-ignore no-control-regex
  if (/[\s\u0000-\u001f\u007f\\]/.test(text)) {
    throw wrong(text, "has spaces or control characters", forms);
  }
  const full = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text);
  if (full) {
    const scheme = full[1]!.toLowerCase();
    return { scheme, rest: scheme === "file" ? `//${full[2]}` : full[2]! };
  }
  const short = /^(memory|file):(.*)$/i.exec(text);
  if (short) return { scheme: short[1]!.toLowerCase(), rest: short[2]! };
  if (/^(javascript|data|blob|mailto|https?|wss?|nats):/i.test(text)) {
    throw wrong(text, "is no address", forms);
  }
  return { rest: text };
}

function authority(text: string, rest: string, forms: string, allowPath = false) {
  const slash = rest.indexOf("/");
  const place = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "" : rest.slice(slash);
  const at = place.lastIndexOf("@");
  const hostPort = place.slice(at + 1);
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::(.*))?$/i.exec(hostPort);
  if (hostPort === "" || hostPort.startsWith(":")) throw wrong(text, "has no host", forms);
  if (!match || !URL.canParse(`http://${match[1]}`)) {
    throw wrong(text, "has a bad host name", forms);
  }
  const port = match[2];
  if (
    port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535)
  ) {
    throw wrong(text, "has a bad port", "a port is a number 1..65535");
  }
  if (path !== "" && path !== "/" && !allowPath) {
    throw wrong(text, "has something after the port", "remove it: an address ends with the port");
  }
  if (/[?#]/.test(path)) throw wrong(text, "has a query", "remove it");
  const host = (match[1]! + (port === undefined ? "" : `:${Number(port)}`)).toLowerCase() +
    (allowPath && path !== "/" ? path : "");
  return { host, ...credentials(text, at < 0 ? undefined : place.slice(0, at)) };
}

function credentials(
  text: string,
  userinfo: string | undefined,
): { user?: string; password?: Secret } {
  if (userinfo === undefined || userinfo === "") return {};
  const colon = userinfo.indexOf(":");
  try {
    const user = decodeURIComponent(colon < 0 ? userinfo : userinfo.slice(0, colon));
    const password = colon < 0 ? "" : decodeURIComponent(userinfo.slice(colon + 1));
    return { ...(user && { user }), ...(password && { password: new Secret(password) }) };
  } catch {
    throw wrong(text, 'has a "%" in its user or password that encodes nothing', 'write "%25"');
  }
}

function filePath(text: string, rest: string): string {
  const hint = "use file:///folder or file:./folder";
  const url = /^\/\/([^/]*)(\/.*)?$/.exec(rest);
  if (!url) {
    if (rest === "") throw wrong(text, "names no folder", hint);
    return rest;
  }
  if ((url[1] !== "" && url[1] !== "localhost") || !url[2]) {
    throw wrong(text, "names no folder", hint);
  }
  try {
    return decodeURIComponent(url[2]);
  } catch {
    throw wrong(text, 'has a "%" that encodes nothing', 'write "%25"');
  }
}

function wrong(text: string, what: string, hint: string): AddressError {
  const shown = withoutCredentials(text);
  const cut = shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
  return new AddressError(
    text === "" ? `address is empty; ${hint}` : `address ${JSON.stringify(cut)} ${what}; ${hint}`,
  );
}
