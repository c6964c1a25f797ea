import { reasonOf, StartError } from "../../base/errors.ts";
import type { Files } from "../../files/files.ts";
import type { Host } from "../../host.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskPlan } from "../../pipeline/plan/plan.ts";
import type { Timers } from "../../base/time/timers.ts";
import { DownloadClaim } from "./download_claim.ts";

/** Nothing is downloaded to anywhere else. */
const LIMIT = "/tmp";

type FolderHost = Pick<Host, "files" | "hostname" | "processes">;

interface Area {
  readonly claim: DownloadClaim;
  /** The claimed folder. */
  readonly files: Files;
}

/** Where the tasks of one process download to: a claimed folder of the process below each `meta.download.directory`. */
export class DownloadFolders {
  readonly #host: FolderHost;
  readonly #log: Logger;
  readonly #timers: Timers | undefined;
  readonly #areas = new Map<string, Promise<Area>>();

  constructor({ host, log, timers }: { host: FolderHost; log: Logger; timers?: Timers }) {
    this.#host = host;
    this.#log = log;
    this.#timers = timers;
  }

  /** @throws {StartError} if the folder cannot be used. */
  async of(task: TaskPlan): Promise<Files> {
    const folder = task.meta.getString("download.directory", `${LIMIT}/${this.#host.hostname}`);
    let area = this.#areas.get(folder);
    if (area === undefined) {
      area = this.#open(folder);
      this.#areas.set(folder, area);
    }
    try {
      return (await area).files;
    } catch (error) {
      throw new StartError(
        `Cannot download for task "${task.id}": ${
          reasonOf(error)
        }; give another folder with meta.download.directory`,
        { cause: error },
      );
    }
  }

  /** Never rejects. */
  async close(): Promise<void> {
    for (const area of await Promise.allSettled(this.#areas.values())) {
      if (area.status === "fulfilled") await area.value.claim.release();
    }
  }

  async #open(folder: string): Promise<Area> {
    const root = await this.#host.files(folder, { below: LIMIT });
    const claim = await DownloadClaim.make(root, {
      log: this.#log,
      timers: this.#timers,
      processes: this.#host.processes,
    });
    try {
      const files = await this.#host.files(`${root.root}/${claim.folder}`, { below: LIMIT });
      return { claim, files };
    } catch (error) {
      await claim.release();
      throw error;
    }
  }
}
