import { GetObjectCommand, paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";
import type { S3Account } from "./s3_requests.ts";

/** Reads back what is on an S3 server with Amazon's own client, so that a mistake of ours in reading hides none of ours in writing. */
export class ForeignS3 {
  readonly #client: S3Client;

  constructor({ endpoint, user, password }: S3Account) {
    this.#client = new S3Client({
      endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: user, secretAccessKey: password },
    });
  }

  async keys(bucket: string): Promise<string[]> {
    const keys: string[] = [];
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: bucket });
    for await (const { Contents = [] } of pages) keys.push(...Contents.map(({ Key }) => Key ?? ""));
    return keys;
  }

  /** All objects of a bucket, by key. */
  async objects(bucket: string): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const key of await this.keys(bucket)) {
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      if (Body === undefined) throw new Error(`Object "${key}" has no body`);
      found.set(key, await Body.transformToByteArray());
    }
    return found;
  }

  close(): void {
    this.#client.destroy();
  }
}
