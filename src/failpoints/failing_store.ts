import type { Store } from "../store/store.ts";
import type { Hit } from "../settings/failpoint_setting.ts";

/** The same store, with failpoints around what is read and written. */
export function failingStore(store: Store, hit: Hit): Store {
  return {
    address: store.address,
    check: (bucket, signal) => store.check(bucket, signal),
    list: (bucket, prefix, signal) => store.list(bucket, prefix, signal),
    get(bucket, key, options) {
      hit("before_download");
      return store.get(bucket, key, options);
    },
    async put(bucket, key, body, options) {
      hit("before_put");
      const put = await store.put(bucket, key, body, options);
      hit("after_put");
      return put;
    },
    delete: (bucket, key, signal) => store.delete(bucket, key, signal),
    close: () => store.close(),
  };
}
