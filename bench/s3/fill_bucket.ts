import { Secret } from "../../src/base/secret.ts";
import { S3Store } from "../../src/store/s3/s3_store.ts";
import { type Account, atOnce, bodyOf, keyOf, LISTED } from "./setting.ts";

const AT_ONCE = 64;

/** Puts the objects that are listed, and says on standard error how long that took. */
export async function fillBucket(account: Account, count: number): Promise<void> {
  const { endpoint, user, password } = account;
  const store = new S3Store({ endpoint, user, password: new Secret(password) });
  const started = performance.now();
  await atOnce(count, AT_ONCE, (i) => store.put(LISTED, keyOf(i), bodyOf(i)));
  const seconds = (performance.now() - started) / 1000;
  console.error(`${count} objects are there after ${seconds.toFixed(1)} s`);
  await store.close();
}
