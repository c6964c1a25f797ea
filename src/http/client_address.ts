import { isLoopback, isLoopbackHost } from "./loopback.ts";

/**
 * The address that a request came from; undefined if the host does not tell. Hosts tell in what they hand to a fetch handler beside the request: Deno an object with
 * `remoteAddr`, Bun its server, which has `requestIP`.
 */
export function peerOf(request: Request, info: unknown): string | undefined {
  if (typeof info !== "object" || info === null) return undefined;
  const remote: unknown = Reflect.get(info, "remoteAddr");
  if (typeof remote === "object" && remote !== null) {
    const hostname: unknown = Reflect.get(remote, "hostname");
    return typeof hostname === "string" ? hostname : undefined;
  }
  const requestIP: unknown = Reflect.get(info, "requestIP");
  if (typeof requestIP !== "function") return undefined;
  const found: unknown = requestIP.call(info, request);
  const address: unknown = typeof found === "object" && found !== null
    ? Reflect.get(found, "address")
    : undefined;
  return typeof address === "string" ? address : undefined;
}

/** Headers of a proxy, and of a page in a browser. */
const FROM_ELSEWHERE = /^(forwarded|x-forwarded-.*|x-real-ip|via|origin)$/;

/**
 * Whether a request was made on this machine, for it, by a program: no web page has its visitor's browser make it, and no proxy that says so
 * stands before us. One that does not cannot be told from a program here.
 */
export function isLocal(request: Request, info: unknown): boolean {
  const peer = peerOf(request, info);
  if (peer === undefined || !isLoopback(peer)) return false;
  for (const name of request.headers.keys()) if (FROM_ELSEWHERE.test(name)) return false;
  // The target of a request may name another host than its header: both have to be this machine.
  const host = request.headers.get("host");
  return isLocalUrl(request.url) && (host === null || isLocalUrl(`http://${host}`));
}

function isLocalUrl(url: string): boolean {
  return URL.canParse(url) && isLoopbackHost(new URL(url).hostname);
}
