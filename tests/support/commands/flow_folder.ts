import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { UNFINISHED_NAME } from "../../../src/files/file_path.ts";

const EXAMPLES = fileURLToPath(new URL("../../../examples/", import.meta.url));

/** A folder with a pipeline and what belongs to it. */
export class FlowFolder {
  private constructor(readonly path: string) {}

  /**
   * An empty folder, or a copy of an example as it is in the repository, without what runs have left there.
   * @param parent Where it is made.
   */
  static async make(example?: string, parent = tmpdir()): Promise<FlowFolder> {
    const folder = new FlowFolder(await mkdtemp(join(parent, "kflow-flow-")));
    if (example !== undefined) {
      await cp(join(EXAMPLES, example), folder.path, { recursive: true });
      await folder.remove(".kflow");
      await folder.remove("data/results");
    }
    return folder;
  }

  /** Absolute path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  async write(name: string, content: string | Uint8Array): Promise<string> {
    await mkdir(dirname(this.file(name)), { recursive: true });
    await writeFile(this.file(name), content);
    return this.file(name);
  }

  async read(name: string): Promise<Uint8Array> {
    return new Uint8Array(await readFile(this.file(name)));
  }

  /** All files below a folder of it, by path from there, but what a killed process has not finished writing. Empty if there is no such folder. */
  async files(below = ""): Promise<Map<string, Uint8Array>> {
    const root = this.file(below);
    const found = new Map<string, Uint8Array>();
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile() || UNFINISHED_NAME.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      found.set(relative(root, path), new Uint8Array(await readFile(path)));
    }
    return found;
  }

  async remove(name = ""): Promise<void> {
    await rm(this.file(name), { recursive: true, force: true });
  }
}
