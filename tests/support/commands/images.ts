import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { buildImage } from "../../../tools/build_image.ts";
import { Commands } from "../../../tools/process.ts";
import { serverBinary } from "../servers/server_binary.ts";

const LIMIT_MS = 120_000;

/** Images and containers of one test file, in a folder of their own: buildah without a daemon. */
export class Images {
  readonly #commands = new Commands();

  private constructor(readonly folder: string) {}

  static async make(): Promise<Images> {
    return new Images(await mkdtemp(join(tmpdir(), "kflow-images-")));
  }

  /** Buildah with the options that come before its command. */
  get builder(): [string, ...string[]] {
    const place = [`--root=${this.folder}/storage`, `--runroot=${this.folder}/run`];
    return ["buildah", ...place, "--storage-driver=vfs"];
  }

  /** What a buildah command prints. Rejects with it if the command fails. */
  async buildah(...args: string[]): Promise<string> {
    const [program, ...before] = this.builder;
    const { status, output } = await this.#commands.run(program, [...before, ...args], {
      timeoutMs: LIMIT_MS,
    });
    if (status !== 0) throw new Error(`buildah ${args.join(" ")} ended with ${status}:\n${output}`);
    return output.trim();
  }

  /** Makes an image of the minimal Debian. */
  async importBase(tag: string): Promise<void> {
    const container = await this.buildah("from", "scratch");
    await this.buildah("add", "--quiet", container, `${serverBinary("debian")}/base.tar`, "/");
    await this.buildah("commit", "--quiet", container, tag);
    await this.buildah("rm", container);
  }

  async build(context: string, tag: string, args: Record<string, string> = {}): Promise<void> {
    await buildImage({
      context,
      tag,
      args,
      builder: this.builder,
      buildOptions: ["--isolation=chroot"],
      commands: this.#commands,
    });
  }

  /** A container of an image; its name. */
  async container(image: string): Promise<string> {
    return (await this.buildah("from", "--pull-never", image)).split("\n").at(-1)!;
  }

  async remove(): Promise<void> {
    await this.buildah("umount", "--all").catch(() => {});
    await rm(this.folder, { recursive: true, force: true });
  }
}
