import type { Host } from "../../../src/host.ts";
import type { Logger } from "../../../src/base/log.ts";

export interface Shutdown {
  /** Aborted by the first signal: finish what is begun. */
  readonly stop: AbortSignal;
  /** Aborted when the grace is over. */
  readonly kill: AbortSignal;
  /** The exit status that says which signal came, and whether the grace after it is over; undefined before one. */
  readonly signalled: { readonly status: number; readonly graceIsOver: boolean } | undefined;
  /** Takes the signal handlers back. */
  release(): void;
}

/** After the grace, this long for what still listens to `kill`. */
const LAST_MS = 500;

const STATUS: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };

/** Turns signals into a gentle stop. A second signal, or the end of the grace, ends the process at once: inputs are then delivered again elsewhere. */
export function watchSignals(host: Host, log: Logger, graceMs: number): Shutdown {
  const stop = new AbortController();
  const kill = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let received: number | undefined;
  const takeBack = host.onShutdown((signal) => {
    const status = STATUS[signal] ?? 1;
    if (stop.signal.aborted) {
      log.critical("Second signal: ending at once", { signal });
      host.exit(status);
    }
    log.info("Stopping: what is begun is finished, the rest is handed back", { signal, graceMs });
    received = status;
    stop.abort();
    timer = setTimeout(() => {
      log.critical("The grace is over: ending with work unfinished; it will be delivered again");
      kill.abort();
      timer = setTimeout(() => host.exit(status), LAST_MS);
    }, graceMs);
  });
  return {
    stop: stop.signal,
    kill: kill.signal,
    get signalled() {
      return received === undefined
        ? undefined
        : { status: received, graceIsOver: kill.signal.aborted };
    },
    release() {
      takeBack();
      clearTimeout(timer);
    },
  };
}
