import { levels, type LogFields, type Logger, type LogLevel, plainFields } from "../base/log.ts";

/** A logger whose lines are written by another thread. */
export function remoteLog(
  tell: (level: LogLevel, message: string, fields: LogFields) => void,
  base: LogFields = {},
): Logger {
  const at = (level: LogLevel) => (message: string, fields?: LogFields) =>
    tell(level, String(message), plainFields({ ...base, ...fields }));
  return { ...levels(at), with: (fields) => remoteLog(tell, { ...base, ...fields }) };
}
