import type { Host } from "../../../src/host.ts";
import { createLogger, type Logger } from "../../../src/base/log.ts";
import type { Settings } from "../../../src/settings/settings.ts";

/** Log lines on standard error: for people on a terminal, for machines elsewhere. */
export function loggerOf(host: Host, settings: Settings): Logger {
  return createLogger({
    level: settings.logLevel,
    format: host.stderr.isTerminal ? "text" : "json",
    write: (line) => host.stderr.write(line),
  });
}
