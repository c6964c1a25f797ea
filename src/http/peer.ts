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

/** Headers of whoever hands on the requests of others, and of a page in a browser. */
const FROM_ELSEWHERE = ["forwarded", "x-forwarded-for", "x-real-ip", "via", "origin"];

/** Whether a request was made on this machine, for it, by a program: no proxy stands before us, and no web page has its visitor's browser make it. */
export function isLocal(request: Request, info: unknown): boolean {
  const peer = peerOf(request, info);
  if (peer === undefined || !isLoopback(peer)) return false;
  if (FROM_ELSEWHERE.some((name) => request.headers.has(name))) return false;
  const { hostname } = new URL(request.url);
  return hostname === "localhost" || isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"));
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address);
}
