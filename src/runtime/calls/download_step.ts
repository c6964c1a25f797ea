import type { TaskMetrics } from "../../metrics/metrics.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Step } from "./step.ts";
import type { Downloads } from "../downloads/download.ts";

export interface DownloadStepOptions {
  downloads: Downloads;
  metrics: Pick<TaskMetrics, "downloaded" | "total">;
  log: Logger;
  signal: AbortSignal;
  /** `KFLOW_SKIP_DOWNLOAD_ERROR`: a failed download leaves `localPath` undefined instead of failing the record. */
  skipErrors: boolean;
}

/** Downloads the object that the record names before the function is called (product document, "Automatic download"). */
export function downloadStep(inner: Step, options: DownloadStepOptions): Step {
  const { downloads, metrics, log, signal, skipErrors } = options;
  return async (flight) => {
    const started = performance.now();
    try {
      try {
        const traceparent = flight.trace?.parent;
        flight.download = await downloads.fetch(flight.record, signal, { traceparent });
      } catch (error) {
        if (!skipErrors || signal.aborted) throw error;
        log.warning("Download failed and is skipped", { reason: reasonOf(error) });
      } finally {
        metrics.downloaded(performance.now() - started);
      }
      return await inner(flight);
    } finally {
      metrics.total(performance.now() - started);
    }
  };
}
