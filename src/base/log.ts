import { printable, printableLine } from "./text/printable.ts";
import { shortened } from "./text/shortened.ts";

/** Characters of one value. Collectors of logs split or drop lines of more than 16 KiB, and an error is logged at each attempt. */
const MAX_VALUE = 4_000;

/** A level of `KFLOW_RUNTIME_LOG_LEVEL` (product document, "Logging level"). */
export type LogLevel = "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL";

/** All levels, least severe first. */
export const LOG_LEVELS: readonly LogLevel[] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

/** What a line says beyond its text. Values are printed up to 4,000 characters each; a Secret prints as `***`. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Port: where log lines go. One call is one line. Never throws, never blocks, and may be called from anywhere.
 */
export interface Logger {
  /** What only somebody who looks for a fault wants to know. */
  debug(message: string, fields?: LogFields): void;
  /** What happened. */
  info(message: string, fields?: LogFields): void;
  /** What somebody should look at, though the work goes on. */
  warning(message: string, fields?: LogFields): void;
  /** What went wrong for one record or one task. */
  error(message: string, fields?: LogFields): void;
  /** What keeps everything from going on, or endangers data. */
  critical(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** Lines below it are not written. @default "INFO" */
  level?: LogLevel;
  /** `text` for people, `json` for machines. @default "json" */
  format?: "text" | "json";
  /** Takes one line with its newline. False if it could not: such lines are counted, and their number is logged as soon as there is room. */
  write: (line: string) => unknown;
  /** @default () => new Date() */
  now?: () => Date;
}

/** A logger that writes one line per call in the given format. */
export function createLogger(options: LoggerOptions): Logger {
  const { level = "INFO", format = "json", write, now = () => new Date() } = options;
  const threshold = LOG_LEVELS.indexOf(level);
  const render = format === "json" ? renderJson : renderText;
  let dropped = 0;

  function put(line: string): void {
    if (dropped > 0) {
      const said = render(now(), "WARNING", "Log lines were dropped: nothing reads them", {
        dropped,
      });
      if (write(said + "\n") !== false) dropped = 0;
    }
    if (dropped > 0 || write(line) === false) dropped++;
  }

  function logger(base: LogFields): Logger {
    const at = (lineLevel: LogLevel) => {
      if (LOG_LEVELS.indexOf(lineLevel) < threshold) return () => {};
      return (message: string, fields?: LogFields) => {
        try {
          put(render(now(), lineLevel, message, { ...base, ...fields }) + "\n");
        } catch {
          // A log line that cannot be written must not take a record down with it.
        }
      };
    };
    return { ...levels(at), with: (fields) => logger({ ...base, ...fields }) };
  }
  return logger({});
}

/** A method for each level. @param at The method of one. */
export function levels(
  at: (level: LogLevel) => (message: string, fields?: LogFields) => void,
): Omit<Logger, "with"> {
  return {
    debug: at("DEBUG"),
    info: at("INFO"),
    warning: at("WARNING"),
    error: at("ERROR"),
    critical: at("CRITICAL"),
  };
}

function renderJson(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const line = { time: time.toISOString(), level, message, ...fields };
  return printable(JSON.stringify(line, jsonValue));
}

function renderText(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const clock = time.toISOString().slice(11, 23);
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${textValue(key)}=${textValue(value)}`)
    .join("");
  return printableLine(`${clock} ${level.padEnd(7)} ${shortened(message, MAX_VALUE)}${rest}`);
}

function textValue(value: unknown): string {
  const text = typeof value === "string"
    ? shortened(value, MAX_VALUE)
    : JSON.stringify(value, jsonValue) ?? String(value);
  return /^[^\s="]+$/.test(text) ? text : JSON.stringify(text);
}

/** The fields as plain values, for a line that is written elsewhere. Never throws. */
export function plainFields(fields: LogFields): LogFields {
  try {
    return JSON.parse(JSON.stringify(fields, jsonValue));
  } catch {
    return { fields: String(fields) };
  }
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return shortened(value.message, MAX_VALUE);
  return typeof value === "string" ? shortened(value, MAX_VALUE) : value;
}
