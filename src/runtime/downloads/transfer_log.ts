import type { Logger } from "../../base/log.ts";

/** Smaller objects are over before anybody could read how far they are. Bytes. */
const LEAST_BYTES = 1024 * 1024;

export interface TransferLogOptions {
  log: Logger;
  /** Percent between two lines (`KFLOW_DL_UP_PROGRESS`); undefined: no lines. */
  percent: number | undefined;
}

export interface Transfer {
  readonly direction: "Download" | "Upload";
  readonly bucket: string;
  readonly key: string;
  /** Bytes; undefined if nobody knows, and then there is nothing to tell. */
  readonly total: number | undefined;
}

/** How far one transfer is. */
export interface TransferProgress {
  /** The same content, counted as it is read. */
  counted(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>;
  /** All of it is where it should be. */
  done(): void;
}

const SILENT: TransferProgress = { counted: (body) => body, done: () => {} };

/** Tells at INFO how far downloads and uploads over 1 MiB are (product document, `KFLOW_DL_UP_PROGRESS`). Costs nothing where it is not asked for. */
export class TransferLog {
  readonly #log: Logger;
  readonly #percent?: number;

  constructor({ log, percent }: TransferLogOptions) {
    this.#log = log;
    this.#percent = percent;
  }

  begin(transfer: Transfer): TransferProgress {
    const { direction, bucket, key, total } = transfer;
    const step = this.#percent;
    if (step === undefined || total === undefined || total <= LEAST_BYTES) return SILENT;
    const tell = (percent: number, bytes: number) =>
      this.#log.info(`${direction} progress`, { bucket, key, percent, bytes, total });
    let bytes = 0;
    let told = 0;
    return {
      counted: (body) =>
        body.pipeThrough(
          new TransformStream<Uint8Array, Uint8Array>(
            {
              transform(chunk, controller) {
                controller.enqueue(chunk);
                bytes += chunk.length;
                const percent = Math.floor(100 * bytes / total);
                // The last line is for when nothing can fail any more.
                if (percent - told < step || percent >= 100) return;
                told = percent;
                tell(percent, bytes);
              },
            },
            undefined,
            { highWaterMark: 0 },
          ),
        ),
      done: () => tell(100, total),
    };
  }
}
