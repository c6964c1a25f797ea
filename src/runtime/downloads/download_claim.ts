import { reasonOf } from "../../base/errors.ts";
import type { FileInfo, Files } from "../../files/files.ts";
import type { Logger } from "../../base/log.ts";
import type { Processes } from "../../host.ts";
import { REAL_TIMERS, type Timers } from "../../base/time/timers.ts";

/** Folders of claims, and so nothing else that may lie in the same place. */
const FOLDER = /^kflow-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const CLAIM = "claim";
const RENEW_MS = 30_000;
/** Long enough for a process whose function has blocked its thread for a while, or whose disk is slow. */
const DEAD_MS = 300_000;
/** A claim is one line. */
const MOST_BYTES = 1000;

export interface ClaimOptions {
  log: Logger;
  processes: Processes;
  /** @default the real ones */
  timers?: Timers;
}

/**
 * A folder that one process alone downloads into, below one that others use too. It holds a file that names the process and is written anew again and again while
 * the process lives. Whoever claims a folder removes those of processes that are gone: on the same machine that is known, so that a process which blocks its
 * thread loses nothing; of others, as in containers that share a volume, the age of the claim tells.
 */
export class DownloadClaim {
  /** Path below the root. */
  readonly folder = `kflow-${crypto.randomUUID()}`;
  readonly #files: Files;
  readonly #log: Logger;
  readonly #processes: Processes;
  readonly #endRenewing: () => void;
  #renewing: Promise<void> = Promise.resolve();

  private constructor(files: Files, { log, processes, timers = REAL_TIMERS }: ClaimOptions) {
    this.#files = files;
    this.#log = log;
    this.#processes = processes;
    this.#endRenewing = timers.every(RENEW_MS, () => {
      this.#renewing = this.#renew();
    });
  }

  /** Claims a folder, and removes those of dead processes. Rejects if nothing can be written there. */
  static async make(files: Files, options: ClaimOptions): Promise<DownloadClaim> {
    const claim = new DownloadClaim(files, options);
    try {
      await claim.#write();
    } catch (error) {
      claim.#endRenewing();
      throw error;
    }
    await claim.#sweep();
    return claim;
  }

  /** Gives the folder up: nothing of it stays, unless there are files in it that a function has not flushed. Never rejects. */
  async release(): Promise<void> {
    this.#endRenewing();
    await this.#renewing;
    await this.#attempt(
      "Cannot remove the download folder of this process",
      this.folder,
      async () => {
        const inside = await this.#files.list(this.folder);
        if (inside.every(({ path }) => path === this.#claim)) await this.#files.remove(this.folder);
      },
    );
  }

  get #claim(): string {
    return `${this.folder}/${CLAIM}`;
  }

  async #write(): Promise<void> {
    await this.#files.write(this.#claim, new TextEncoder().encode(this.#processes.own));
  }

  async #renew(): Promise<void> {
    const message = "Cannot renew the claim on the download folder: another process may remove it";
    await this.#attempt(message, this.folder, () => this.#write());
  }

  async #sweep(): Promise<void> {
    await this.#attempt("Cannot sweep the download folder", "", async () => {
      // By the clock of the file system, which need not be that of this machine.
      const now = (await this.#files.stat(this.#claim))?.modifiedUnixMilli;
      if (now === undefined) return;
      for (const folder of await this.#files.list("")) {
        if (!folder.isDirectory || !FOLDER.test(folder.path) || folder.path === this.folder) {
          continue;
        }
        await this.#attempt("Cannot remove abandoned downloads", folder.path, async () => {
          if (await this.#isInUse(folder, now)) return;
          await this.#files.remove(folder.path);
          this.#log.info("Removed downloads of a process that is gone", {
            folder: `${this.#files.root}/${folder.path}`,
          });
        });
      }
    });
  }

  async #isInUse(folder: FileInfo, now: number): Promise<boolean> {
    const path = `${folder.path}/${CLAIM}`;
    const claim = await this.#files.stat(path);
    // A process that has just made its folder may not have written its claim yet.
    const isYoung = now - (claim ?? folder).modifiedUnixMilli <= DEAD_MS;
    if (claim === undefined || claim.isDirectory || claim.size > MOST_BYTES) return isYoung;
    const body = await this.#files.read(path);
    const owner = body === undefined ? "" : await new Response(body).text();
    return this.#processes.isAlive(owner) ?? isYoung;
  }

  async #attempt(message: string, path: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const folder = path === "" ? this.#files.root : `${this.#files.root}/${path}`;
      this.#log.warning(message, { folder, reason: reasonOf(error) });
    }
  }
}
