import type { Files } from "../files/files.ts";
import type { Hit } from "../settings/failpoint_setting.ts";

/** The same area, with failpoints around downloads that come and go. */
export function failingFiles(files: Files, hit: Hit): Files {
  return {
    root: files.root,
    stat: (path) => files.stat(path),
    list: (path, options) => files.list(path, options),
    read: (path) => files.read(path),
    async write(path, body, options) {
      const written = await files.write(path, body, options);
      hit("after_download");
      return written;
    },
    room: () => files.room(),
    append: (path, bytes) => files.append(path, bytes),
    makeDirectory: (path) => files.makeDirectory(path),
    async remove(path) {
      hit("before_remove");
      await files.remove(path);
      hit("after_remove");
    },
  };
}
