// Contender: the AWS SDK for JavaScript v3, with as many connections as there are calls at once, and no checksum beside the signature.
import process from "node:process";
import { paginateListObjectsV2, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { compete, type Listed } from "./setting.ts";

await compete(({ endpoint, user, password }) => {
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: user, secretAccessKey: password },
    // What it would do more by itself is work that kflow's store does not do.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: Number(process.argv[4]) } },
  });
  return {
    put: (Bucket, Key, Body) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: "application/json" })),
    async *list(Bucket, Prefix): AsyncGenerator<Listed[]> {
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
        yield Contents.map(({ Key = "", Size = 0, ETag = "", LastModified }) => ({
          key: Key,
          size: Size,
          etag: ETag,
          lastModifiedUnixMilli: LastModified?.getTime() ?? 0,
        }));
      }
    },
  };
});
