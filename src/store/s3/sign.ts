import { AwsV4Signer } from "aws4fetch";
import type { Secret } from "../../base/secret.ts";

export interface S3Credentials {
  readonly user: string;
  readonly password: Secret;
}

export interface UnsignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

/** Gives a request the headers that prove who sends it. */
export type Signer = (request: UnsignedRequest) => Promise<Headers>;

/**
 * Signature version 4. Only the signing of aws4fetch is used: it sends nothing, so it retries nothing.
 * The content is signed as well, which lets the server find a damaged upload on plain http too.
 */
export function createSigner(
  options: { credentials?: S3Credentials; region: string; now: () => number },
): Signer {
  const { credentials, region, now } = options;
  if (!credentials) return (request) => Promise.resolve(new Headers(request.headers));
  const cache = new Map<string, ArrayBuffer>();
  let day = "";
  return async ({ method, url, headers, body }) => {
    const datetime = new Date(now()).toISOString().replace(/[:-]|\.\d{3}/g, "");
    if (day !== datetime.slice(0, 8)) cache.clear();
    day = datetime.slice(0, 8);
    const contentHash = await sha256(body ?? new Uint8Array());
    const signer = new AwsV4Signer({
      method,
      url,
      headers: { ...headers, "x-amz-content-sha256": contentHash },
      accessKeyId: credentials.user,
      secretAccessKey: credentials.password.reveal(),
      service: "s3",
      region,
      cache,
      datetime,
    });
    return (await signer.sign()).headers;
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
