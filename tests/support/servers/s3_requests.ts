import { Secret } from "../../../src/base/secret.ts";
import {
  S3Client,
  type S3Request,
  type S3Timing,
  type TextAnswer,
} from "../../../src/store/s3/request.ts";

export interface S3Account {
  readonly endpoint: string;
  readonly user: string;
  readonly password: string;
}

/** What tests do to a server beside the Store port. */
export async function s3Request(
  server: S3Account,
  request: Omit<S3Request, "call"> & { bucket: string; key?: string },
  timing?: S3Timing,
): Promise<TextAnswer> {
  const client = new S3Client({
    base: server.endpoint,
    credentials: { user: server.user, password: new Secret(server.password) },
    region: "us-east-1",
    timing,
    fetch: (url, init) => fetch(url, init),
    now: Date.now,
    random: Math.random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
  const { bucket, key, ...rest } = request;
  const call = { address: server.endpoint, action: "put", bucket, key } as const;
  return await client.text({ ...rest, call });
}

/** Makes a bucket with a name of its own. */
export async function makeBucket(server: S3Account, name?: string): Promise<string> {
  const bucket = name ?? `bucket-${crypto.randomUUID()}`;
  await s3Request(server, { method: "PUT", bucket });
  return bucket;
}
