import * as fs from "node:fs/promises";
import * as nodePath from "node:path";
import { FilesError } from "../../../src/files/files.ts";
import { codeOf, toFilesError } from "./node_files_error.ts";

export interface RootOptions {
  /** A folder below which the root must lie, links resolved, and stay this user's own. @default no such limit */
  below?: string;
  /** Whether a missing root is made, private to the user. @default true */
  create?: boolean;
}

/** The real path of a root that keeps to the options; see `openNodeFiles`. */
export async function resolveRoot(root: string, options: RootOptions): Promise<string> {
  const { below, create = true } = options;
  const wanted = nodePath.resolve(root);
  try {
    const limit = below === undefined ? undefined : await fs.realpath(nodePath.resolve(below));
    const { existing, missing } = await deepestExisting(wanted);
    if (limit !== undefined) mustBeBelow(nodePath.join(existing, ...missing), limit, root);
    if (missing.length > 0 && !create) {
      const message =
        `Cannot open folder "${root}": it does not exist; make it or correct the path`;
      throw new FilesError(message, { kind: "missing", path: "" });
    }
    let folder = existing;
    for (const segment of missing) {
      folder = nodePath.join(folder, segment);
      // Somebody else may be making the same folder; whose it is shows below.
      await fs.mkdir(folder, { mode: 0o700 }).catch((error) => {
        if (codeOf(error) !== "EEXIST") throw error;
      });
    }
    const real = await fs.realpath(folder);
    if (!(await fs.stat(real)).isDirectory()) {
      throw new FilesError(`Cannot open folder "${root}": it is not a folder`, {
        kind: "conflict",
        path: "",
      });
    }
    if (limit !== undefined) {
      mustBeBelow(real, limit, root);
      await mustBeOwn(real, limit, root);
    }
    return real;
  } catch (error) {
    throw toFilesError(error, { action: "open folder", path: "", root });
  }
}

/** Real path of the deepest folder above `place` (or of `place`) that exists, and the names below it that do not. */
async function deepestExisting(place: string): Promise<{ existing: string; missing: string[] }> {
  const missing: string[] = [];
  let existing = place;
  for (;;) {
    try {
      return { existing: await fs.realpath(existing), missing };
    } catch (error) {
      const parent = nodePath.dirname(existing);
      if (codeOf(error) !== "ENOENT" || parent === existing) throw error;
      missing.unshift(nodePath.basename(existing));
      existing = parent;
    }
  }
}

function mustBeBelow(place: string, limit: string, root: string): void {
  const inside = limit.endsWith(nodePath.sep) ? limit : limit + nodePath.sep;
  if (place.startsWith(inside) && place.length > inside.length) return;
  throw new RangeError(
    `Cannot use folder "${root}": it resolves to ${place}, which is not strictly below ${limit}`,
  );
}

/** Whoever owns a folder on the way could put another one in the place of what is below it. */
async function mustBeOwn(place: string, limit: string, root: string): Promise<void> {
  const user = process.getuid?.();
  if (user === undefined) return;
  for (let folder = place; folder !== limit; folder = nodePath.dirname(folder)) {
    const owner = (await fs.lstat(folder)).uid;
    if (owner === user) continue;
    throw new RangeError(
      `Cannot use folder "${root}": ${folder} belongs to user ${owner}, not to user ${user}; name a folder of your own`,
    );
  }
}
