import { bodyChunks, cancelBody, joinChunks } from "../base/data/body_chunks.ts";
import { compareUtf8 } from "../base/text/utf8_order.ts";
import { segmentsOf } from "./file_path.ts";
import { type FileInfo, type Files, FilesError, type WriteOptions } from "./files.ts";

interface StoredFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly modifiedUnixMilli: number;
  readonly version: string;
}

export interface MemoryFilesOptions {
  /** What `root` says. @default "/memory" */
  root?: string;
  /** @default Date.now */
  now?: () => number;
}

/** Files that live as long as the process. */
export class MemoryFiles implements Files {
  room(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  readonly root: string;
  readonly #now: () => number;
  readonly #files = new Map<string, StoredFile>();
  readonly #folders = new Map<string, number>();
  #writes = 0;

  constructor(options: MemoryFilesOptions = {}) {
    this.root = options.root ?? "/memory";
    this.#now = options.now ?? Date.now;
    this.#folders.set("", this.#now());
  }

  async stat(path: string): Promise<FileInfo | undefined> {
    if (path !== "") segmentsOf(path);
    return await Promise.resolve(this.#info(path));
  }

  async list(path: string): Promise<FileInfo[]> {
    if (path !== "") segmentsOf(path);
    const found: FileInfo[] = [];
    for (const name of [...this.#files.keys(), ...this.#folders.keys()]) {
      if (name === "" || parentOf(name) !== path) continue;
      const info = this.#info(name);
      if (info) found.push(info);
    }
    return await Promise.resolve(found.sort((a, b) => compareUtf8(a.path, b.path)));
  }

  async read(path: string): Promise<ReadableStream<Uint8Array> | undefined> {
    segmentsOf(path);
    const file = this.#files.get(path);
    if (!file) return await Promise.resolve(undefined);
    return new ReadableStream({
      start(controller) {
        if (file.bytes.length > 0) controller.enqueue(file.bytes.slice());
        controller.close();
      },
    });
  }

  async write(
    path: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<number> {
    try {
      segmentsOf(path);
      const parts: Uint8Array[] = [];
      for await (const chunk of bodyChunks(body, options.signal)) parts.push(chunk);
      this.#makeWay(path);
      const bytes = joinChunks(parts);
      const version = (++this.#writes).toString(16);
      this.#files.set(path, { bytes, modifiedUnixMilli: this.#now(), version });
      return bytes.length;
    } catch (error) {
      cancelBody(body, error);
      throw error;
    }
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    segmentsOf(path);
    const before = this.#files.get(path)?.bytes ?? new Uint8Array();
    await this.write(path, joinChunks([before, bytes]));
  }

  async makeDirectory(path: string): Promise<void> {
    if (path !== "") this.#makeFolders(segmentsOf(path));
    await Promise.resolve();
  }

  async remove(path: string): Promise<void> {
    segmentsOf(path);
    for (const map of [this.#files, this.#folders]) {
      for (const name of map.keys()) {
        if (name === path || name.startsWith(`${path}/`)) map.delete(name);
      }
    }
    await Promise.resolve();
  }

  #info(path: string): FileInfo | undefined {
    const file = this.#files.get(path);
    if (file) {
      const { modifiedUnixMilli, version } = file;
      return { path, isDirectory: false, size: file.bytes.length, modifiedUnixMilli, version };
    }
    const made = this.#folders.get(path);
    if (made === undefined) return undefined;
    return { path, isDirectory: true, size: 0, modifiedUnixMilli: made, version: `${made}` };
  }

  /** Makes the folders above a file and removes an empty folder of its name. */
  #makeWay(path: string): void {
    const segments = segmentsOf(path);
    this.#makeFolders(segments.slice(0, -1));
    if (!this.#folders.has(path)) return;
    const below = `${path}/`;
    for (const name of this.#files.keys()) {
      if (name.startsWith(below)) throw conflict(path, "a folder with files in it is there");
    }
    for (const name of this.#folders.keys()) {
      if (name === path || name.startsWith(below)) this.#folders.delete(name);
    }
  }

  #makeFolders(segments: readonly string[]): void {
    for (let depth = 1; depth <= segments.length; depth++) {
      const folder = segments.slice(0, depth).join("/");
      if (this.#files.has(folder)) throw conflict(folder, "a file is where a folder is needed");
      if (!this.#folders.has(folder)) this.#folders.set(folder, this.#now());
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function conflict(path: string, reason: string): FilesError {
  return new FilesError(`Cannot write "${path}": ${reason}`, { kind: "conflict", path });
}
