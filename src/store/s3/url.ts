export interface S3Endpoint {
  /** `http(s)://host[:port][/path]`, without credentials and without a `/` at its end. */
  readonly base: string;
  /** Credentials that stood in the address. */
  readonly user?: string;
  readonly password?: string;
}

/**
 * Reads the address of an S3 server; `host:port` alone means http.
 * @throws {TypeError} if it is none. The message has no password.
 */
export function parseEndpoint(address: string): S3Endpoint {
  const refused = (reason: string) =>
    new TypeError(
      `Cannot use store address ${JSON.stringify(address.replace(/\/\/.*@/s, "//***@"))}: ` +
        `${reason}; give http://host:port or https://host`,
    );
  const hasScheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(address);
  let url: URL;
  try {
    url = new URL(hasScheme ? address : `http://${address}`);
  } catch {
    throw refused("it is no URL");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(`${url.protocol} is not a way to reach S3`);
  }
  if (url.search !== "" || url.hash !== "") throw refused("it has a query or a fragment");
  return {
    base: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`,
    user: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
  };
}

/** Path style, so that it works without a name server entry per bucket. Names were checked before (`checkNames`). */
export function s3Url(
  base: string,
  place: { bucket: string; key?: string; query?: Readonly<Record<string, string>> },
): string {
  const { bucket, key, query = {} } = place;
  const path = key === undefined ? "" : `/${key.split("/").map(encode).join("/")}`;
  const search = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  const question = search.length > 0 ? "?" : "";
  return `${base}/${encode(bucket)}${path}${question}${search.join("&")}`;
}

/** Everything but the unreserved characters of RFC 3986, as the signature wants it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
