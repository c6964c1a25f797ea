// Contender: kflow's own store, as tasks have it.
import { Secret } from "../../src/base/secret.ts";
import { S3Store } from "../../src/store/s3/s3_store.ts";
import { compete } from "./setting.ts";

await compete(({ endpoint, user, password }) => {
  const store = new S3Store({ endpoint, user, password: new Secret(password) });
  return {
    put: (bucket, key, body) => store.put(bucket, key, body, { contentType: "application/json" }),
    list: (bucket, prefix) => store.list(bucket, prefix),
  };
});
