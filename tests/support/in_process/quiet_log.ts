import { createLogger } from "../../../src/base/log.ts";
import { recordLogged } from "../run_record.ts";

/** Prints nothing. */
export const quiet = createLogger({
  level: "DEBUG",
  write: (line) => recordLogged(line.trimEnd()),
});
