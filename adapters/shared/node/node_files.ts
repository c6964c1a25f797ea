import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import * as nodePath from "node:path";
import { type Body, bodyChunks, cancelBody } from "../../../src/base/data/body_chunks.ts";
import { segmentsOf, UNFINISHED_NAME, unfinishedName } from "../../../src/files/file_path.ts";
import {
  type DiskRoom,
  type FileInfo,
  type Files,
  FilesError,
  type WriteOptions,
} from "../../../src/files/files.ts";
import { compareUtf8 } from "../../../src/base/text/utf8_order.ts";
import { fileContent } from "./file_content.ts";
import { codeOf, toFilesError } from "./node_files_error.ts";
import { resolveRoot, type RootOptions } from "./node_files_root.ts";

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** How many entries of a folder are looked at together. */
const STATS_AT_ONCE = 32;
/** O_NOFOLLOW is undefined where the system has no such thing. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

/**
 * Opens a folder of this machine as `Files`, on Deno and on Bun.
 * @param root Absolute, or relative to the current folder.
 * @throws {RangeError} if the root, links resolved, is not strictly below `options.below`, or there belongs to another user.
 * @throws {FilesError} if the root is missing and must not be made, is no folder, or is denied.
 */
export async function openNodeFiles(root: string, options: RootOptions = {}): Promise<Files> {
  return new NodeFiles(await resolveRoot(root, options));
}

class NodeFiles implements Files {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async stat(path: string): Promise<FileInfo | undefined> {
    return await this.#attempt("stat", path, async () => {
      const place = await this.#place(path);
      return place === undefined ? undefined : await infoOf(place, path);
    });
  }

  async list(
    path: string,
    { notText }: { notText?: (name: string) => void } = {},
  ): Promise<FileInfo[]> {
    return await this.#attempt("list", path, async () => {
      const place = await this.#place(path);
      if (place === undefined || !(await infoOf(place, path))?.isDirectory) return [];
      const names = (await fs.readdir(place)).filter((name) => !UNFINISHED_NAME.test(name));
      names.sort(compareUtf8);
      const found: FileInfo[] = [];
      const unreadable: string[] = [];
      for (let i = 0; i < names.length; i += STATS_AT_ONCE) {
        const some = names.slice(i, i + STATS_AT_ONCE).map((name) =>
          infoOf(nodePath.join(place, name), path === "" ? name : `${path}/${name}`)
        );
        (await Promise.all(some)).forEach((info, at) => {
          const name = names[i + at]!;
          if (info !== undefined) found.push(info);
          // Bytes that are not UTF-8 become this character, and nothing has the name that results.
          else if (name.includes("\ufffd")) unreadable.push(name);
        });
      }
      if (notText !== undefined) unreadable.forEach(notText);
      if (notText !== undefined || unreadable.length === 0) return found;
      throw new FilesError(
        `Cannot list "${path}" in ${this.root}: ${unreadable.length} of its names are not UTF-8, such as ` +
          `${JSON.stringify(unreadable[0])}; rename them`,
        { kind: "bad-name", path },
      );
    });
  }

  async read(path: string): Promise<ReadableStream<Uint8Array> | undefined> {
    localSegments(path);
    return await this.#attempt("read", path, async () => {
      const place = await this.#place(path);
      // Opening anything but a file could block (a named pipe) or have effects (a device).
      if (place === undefined || (await infoOf(place, path))?.isDirectory !== false) {
        return undefined;
      }
      return fileContent(await fs.open(place, constants.O_RDONLY | NO_FOLLOW));
    });
  }

  async write(path: string, body: Body, options: WriteOptions = {}): Promise<number> {
    try {
      const segments = localSegments(path);
      const name = segments.pop()!;
      const folder = await this.#attempt("write", path, () => this.#makeFolders(segments));
      const temporary = nodePath.join(folder, unfinishedName());
      try {
        const size = await this.#writeNew(path, temporary, bodyChunks(body, options.signal));
        await this.#attempt(
          "write",
          path,
          () => putInPlace(temporary, nodePath.join(folder, name)),
        );
        return size;
      } catch (error) {
        await fs.rm(temporary, { force: true }).catch(() => {});
        throw error;
      }
    } catch (error) {
      cancelBody(body, error);
      throw error;
    }
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    const segments = localSegments(path);
    const name = segments.pop()!;
    await this.#attempt("write", path, async () => {
      const folder = await this.#makeFolders(segments);
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | NO_FOLLOW;
      const file = await fs.open(nodePath.join(folder, name), flags, FILE_MODE);
      try {
        await writeAll(file, bytes);
      } finally {
        await file.close();
      }
    });
  }

  async makeDirectory(path: string): Promise<void> {
    const segments = path === "" ? [] : localSegments(path);
    await this.#attempt("make folder", path, () => this.#makeFolders(segments));
  }

  async room(): Promise<DiskRoom | undefined> {
    try {
      const { bsize, blocks, bavail } = await fs.statfs(this.root);
      return { free: bsize * bavail, total: bsize * blocks };
    } catch {
      // The permission to ask may be missing, and some file systems do not know.
      return undefined;
    }
  }

  async remove(path: string): Promise<void> {
    localSegments(path);
    await this.#attempt("remove", path, async () => {
      const place = await this.#place(path);
      if (place === undefined) return;
      await fs.rm(place, { recursive: true, force: true }).catch((error) => {
        if (!isMissing(error)) throw error;
      });
    });
  }

  /** Errors of the body pass as they are; only what the file system says is translated. */
  async #writeNew(
    path: string,
    place: string,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_FOLLOW;
    const file = await this.#attempt("write", path, () => fs.open(place, flags, FILE_MODE));
    let size = 0;
    try {
      for await (const chunk of chunks) {
        await this.#attempt("write", path, () => writeAll(file, chunk));
        size += chunk.length;
      }
    } finally {
      await file.close();
    }
    return size;
  }

  /** Absolute path of `path`, with its folder's links resolved; undefined if that folder is missing. */
  async #place(path: string): Promise<string | undefined> {
    if (path === "") return this.root;
    const segments = localSegments(path);
    const name = segments.pop()!;
    const folder = await resolved(nodePath.join(this.root, ...segments));
    if (folder === undefined) return undefined;
    this.#mustBeInside(folder, segments);
    return nodePath.join(folder, name);
  }

  /**
   * Makes the folders one below the other, so that none is made through a link that leads elsewhere: the system's own recursive
   * way would follow it.
   */
  async #makeFolders(segments: readonly string[]): Promise<string> {
    const path = segments.join("/");
    let folder = await resolved(nodePath.join(this.root, ...segments));
    if (folder === undefined || folder === this.root) {
      folder = this.root;
      for (const segment of segments) {
        const next = nodePath.join(folder, segment);
        await fs.mkdir(next, { mode: FOLDER_MODE }).catch((error) => {
          if (codeOf(error) !== "EEXIST") throw error;
        });
        folder = await fs.realpath(next);
        this.#mustBeInside(folder, segments);
      }
    }
    this.#mustBeInside(folder, segments);
    if (!(await fs.stat(folder)).isDirectory()) {
      throw new FilesError(`Cannot write below "${path}" in ${this.root}: it is not a folder`, {
        kind: "conflict",
        path,
      });
    }
    return folder;
  }

  /** A link may lead elsewhere in the same child of the root, which is a bucket for a store, and nowhere else. */
  #mustBeInside(folder: string, [first, ...rest]: readonly string[]): void {
    if (first === undefined) return;
    const child = nodePath.join(this.root, first);
    if (folder === child || folder.startsWith(child + nodePath.sep)) return;
    throw new RangeError(
      `Cannot use "${
        [first, ...rest].join("/")
      }": a symbolic link in it leads out of ${child} to ${folder}`,
    );
  }

  async #attempt<T>(action: string, path: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw toFilesError(error, { action, path, root: this.root });
    }
  }
}

/** Where `\` separates folders too, it could say more than one segment, and `:` another disk. */
function localSegments(path: string): string[] {
  const segments = segmentsOf(path);
  if (nodePath.sep === "\\" && /[\\:]/.test(path)) {
    throw new RangeError(`Cannot use path ${JSON.stringify(path)}: it has "\\" or ":"`);
  }
  return segments;
}

async function resolved(place: string): Promise<string | undefined> {
  try {
    return await fs.realpath(place);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Undefined if there is nothing, or something that is neither file nor folder: a link, a pipe, a device. */
async function infoOf(place: string, path: string): Promise<FileInfo | undefined> {
  try {
    const stat = await fs.lstat(place, { bigint: true });
    if (!stat.isFile() && !stat.isDirectory()) return undefined;
    return {
      path,
      isDirectory: stat.isDirectory(),
      size: Number(stat.size),
      modifiedUnixMilli: Number(stat.mtimeNs / 1_000_000n),
      version: [stat.ino, stat.size, stat.mtimeNs / 1_000_000n].map((part) => part.toString(36))
        .join("-"),
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

async function writeAll(file: fs.FileHandle, chunk: Uint8Array): Promise<void> {
  let at = 0;
  while (at < chunk.length) {
    at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
  }
}

/** A folder with no file in it gives way; one with files makes the rename fail. */
async function putInPlace(temporary: string, place: string): Promise<void> {
  try {
    await fs.rename(temporary, place);
  } catch (error) {
    if (!(await infoOf(place, ""))?.isDirectory) throw error;
    await removeEmptyFolders(place);
    await fs.rename(temporary, place);
  }
}

async function removeEmptyFolders(place: string): Promise<void> {
  for (const entry of await fs.readdir(place, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeEmptyFolders(nodePath.join(place, entry.name));
  }
  await fs.rmdir(place);
}
